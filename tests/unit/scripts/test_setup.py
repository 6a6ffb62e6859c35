"""`scripts/setup` on machines that lack something."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.unit.scripts.machine import PYTHON, Machine, needs_no_gpu


def test_a_python_is_found_by_its_version(machine: Machine) -> None:
    machine.add_python(new=False)
    assert machine.call("find_python").returncode == 1
    machine.add("python3.12", PYTHON.format(new=0, venv=0, headers=0))
    assert machine.call("find_python").stdout.strip() == str(machine.bin / "python3.12")
    machine.add("python3.14", PYTHON.format(new=0, venv=0, headers=0))
    assert machine.call("find_python").stdout.strip() == str(machine.bin / "python3.14")
    chosen = machine.bin / "python3.12"
    assert machine.call("find_python", PTB_LITE_PYTHON=str(chosen)).stdout.strip() == str(chosen)


@needs_no_gpu
@pytest.mark.parametrize(
    ("lacks", "packages"),
    [
        ({}, []),
        ({"venv": False}, ["python3-venv"]),
        ({"headers": False}, []),
    ],
)
def test_what_is_missing_is_named(
    machine: Machine, lacks: dict[str, bool], packages: list[str]
) -> None:
    machine.add_python(**lacks)
    assert machine.call("missing_packages python3").stdout.split() == packages


def test_a_compiler_is_wanted_only_beside_a_gpu(machine: Machine) -> None:
    machine.add_python(headers=False)
    machine.add("nvidia-smi")
    wanted = ["gcc", "libc6-dev", "python3-dev"]
    assert machine.call("missing_packages python3").stdout.split() == wanted
    assert machine.call("missing_packages ''").stdout.split() == ["python3", "python3-venv"]


def test_nothing_is_begun_where_nothing_may_be_installed(machine: Machine) -> None:
    machine.add_python(venv=False)
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr == (
        "setup: error: this machine lacks python3-venv (names of Debian's packages); "
        "install them as root, then run scripts/setup again\n"
    )
    assert not (machine.checkout / ".venv").exists()


def test_a_machine_without_python_is_told_so(machine: Machine) -> None:
    done = machine.setup()
    assert done.returncode == 1
    assert "lacks python3 python3-venv" in done.stderr


def test_root_installs_what_is_missing(machine: Machine) -> None:
    machine.add_python(venv=False)
    machine.add("id", "echo 0")
    machine.add_apt()
    assert machine.call("install_system_packages").returncode == 0
    assert machine.logged() == [
        "apt-get update -qq",
        "apt-get install -qq -y --no-install-recommends python3-venv",
        "apt-get update -qq",
        "apt-get install -qq -y --no-install-recommends bubblewrap",
    ]


def test_sudo_is_used_only_without_a_password(machine: Machine) -> None:
    machine.add_python(venv=False)
    machine.add("gcc")
    machine.add("bwrap")
    machine.add("id", "echo 1000")
    machine.add_apt()
    machine.add("sudo", "exit 1")
    assert machine.call("install_system_packages").returncode == 1
    assert machine.logged() == []
    machine.add("sudo", 'shift; exec "$@"')
    assert machine.call("install_system_packages").returncode == 0
    assert machine.logged()[-1].endswith("python3-venv")


def test_a_failing_apt_is_shown_and_ends_the_setup(machine: Machine) -> None:
    machine.add_python(venv=False)
    machine.add("gcc")
    machine.add("id", "echo 0")
    machine.add("apt-get", "echo 'E: cannot reach the mirror'; exit 100")
    done = machine.setup()
    assert done.returncode == 1
    assert "E: cannot reach the mirror" in done.stderr
    assert "error: installing python3-venv did not work" in done.stderr


def test_missing_bubblewrap_only_warns(machine: Machine) -> None:
    machine.add_python()
    machine.add("gcc")
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert "warning: bubblewrap is not installed" in done.stderr
    assert "--sandbox none" in done.stderr


@needs_no_gpu
def test_without_a_gpu_only_a_cpu_build_is_ever_asked_for(machine: Machine) -> None:
    machine.add_all()
    assert machine.setup().returncode == 0
    asked = [line for line in machine.logged() if "torch" in line]
    assert len(asked) == 1
    assert asked[0].endswith("install -c constraints.txt torch==2.13.0+cpu")


@needs_no_gpu
def test_where_pip_knows_no_cpu_build_uv_fetches_it(machine: Machine) -> None:
    machine.add_all()
    uv = machine.checkout / ".venv" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text('#!/bin/sh\necho "uv $*" >>"$LOG"\n')
    uv.chmod(0o755)
    shutil.copy(machine.bin / "python3", uv.with_name("python"))
    done = machine.setup(FAIL_ON="torch==2.13.0+cpu")
    assert done.returncode == 0, done.stderr
    asked = [line for line in machine.logged() if "torch" in line]
    assert asked[0].endswith("torch==2.13.0+cpu")
    assert asked[1].startswith("uv pip install")
    assert asked[1].endswith("--torch-backend=cpu torch==2.13.0")
    assert len(asked) == 2


def test_with_a_gpu_the_normal_build_is_taken(machine: Machine) -> None:
    machine.add_all()
    machine.add("nvidia-smi")
    assert machine.setup().returncode == 0
    asked = [line for line in machine.logged() if "torch" in line]
    assert asked[0].endswith("install -c constraints.txt torch==2.13.0")


def test_torch_comes_before_what_would_pull_it_in(machine: Machine) -> None:
    machine.add_all()
    machine.setup()
    steps = [line for line in machine.logged() if " install " in line]
    assert "torch==" in steps[0]
    assert steps[1].endswith("-e .[embedded,dev,docs]")


def test_a_second_call_does_nothing(machine: Machine) -> None:
    machine.add_all()
    first = machine.setup()
    assert first.returncode == 0
    assert "setup: all done in" in first.stderr
    assert first.stdout == ""
    machine.log.write_text("")
    second = machine.setup()
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.logged() == []


@pytest.mark.parametrize("change", ["pyproject.toml", "constraints.txt", "cache", "moved", "model"])
def test_a_change_sets_up_again(machine: Machine, change: str, tmp_path: Path) -> None:
    machine.add_all()
    machine.setup()
    machine.log.write_text("")
    extra = {}
    match change:
        case "cache":
            other = str(tmp_path / "other")
            extra = {"PTB_LITE_CACHE": other, "CACHE": other}
        case "moved":
            machine.checkout = machine.checkout.rename(tmp_path / "elsewhere")
        case "model":
            shutil.rmtree(machine.cache / "models")
        case name:
            with (machine.checkout / name).open("a") as file:
                file.write("\n")
    assert machine.setup(**extra).returncode == 0
    assert any("install" in line for line in machine.logged())


def test_a_failed_step_is_named_and_done_again_next_time(machine: Machine) -> None:
    machine.add_all()
    done = machine.setup(FAIL_ON="catalog.embedded")
    assert done.returncode == 1
    assert "no such thing" in done.stderr
    assert "error: converting the embedded models did not work" in done.stderr
    machine.log.write_text("")
    assert machine.setup().returncode == 0
    assert any("catalog.embedded" in line for line in machine.logged())
