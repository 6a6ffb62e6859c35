"""The other scripts of the README, and what `scripts/setup` installs from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from tests.unit.scripts.machine import ROOT, Machine

GATE = "pytest -n 2 --dist loadfile --no-loadscope-reorder --hypothesis-profile=ci --durations=30"


def set_up(machine: Machine) -> Path:
    """A machine that is set up, with a `ptb-lite` that shows its arguments: its bin folder."""
    machine.add_all()
    assert machine.setup().returncode == 0
    machine.log.write_text("")
    folder = machine.checkout / ".venv" / "bin"
    for name in ("ptb-lite", "ruff", "mypy", "lint-imports"):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*"\nexit ${{CODE:-0}}\n')
        (folder / name).chmod(0o755)
    (folder / "python").write_text('#!/bin/sh\necho "python $*"\nexit 5\n')
    return folder


def test_demo_runs_the_preset_and_passes_options_and_exit_code(machine: Machine) -> None:
    set_up(machine)
    done = machine.run(str(machine.checkout / "scripts/demo"), "--json", "--seed", "2", CODE="3")
    assert done.returncode == 3
    assert done.stdout == "ptb-lite run --preset offline-demo --json --seed 2\n"


def test_test_checks_everything_and_ends_with_pytest(machine: Machine) -> None:
    set_up(machine)
    done = machine.run(str(machine.checkout / "scripts/test"), "--slow", "-k", "a b")
    assert done.returncode == 5
    assert done.stdout.splitlines() == [
        "ruff check .",
        "ruff format --check .",
        "mypy ",
        "lint-imports ",
        f"python -m {GATE} -m not bench -k a b",
    ]
    assert machine.run(str(machine.checkout / "scripts/test"), CODE="1").returncode == 1


def test_bench_passes_names_options_and_exit_code(machine: Machine) -> None:
    set_up(machine)
    done = machine.run(str(machine.checkout / "scripts/bench"), "--write", "audit", "-k", "a b")
    assert done.returncode == 5
    assert done.stdout == "python -m bench --write audit -k a b\n"


NPM = """#!/bin/sh
echo "npm $*" >>"$LOG"
[ -z "$FAIL_ON" ] || { echo "registry cannot be reached" >&2; exit 1; }
"""


def programs(machine: Machine, **extra: str) -> subprocess.CompletedProcess[str]:
    for tool in ("sed", "timeout", "sh"):
        found = shutil.which(tool)
        assert found, tool
        (machine.bin / tool).unlink(missing_ok=True)
        (machine.bin / tool).symlink_to(found)
    shutil.copytree(
        ROOT / "ptb_lite" / "agents", machine.checkout / "ptb_lite" / "agents", dirs_exist_ok=True
    )
    return machine.run(str(machine.checkout / "scripts/programs"), **extra)


def test_the_programs_of_the_scaffolds_are_installed_once_below_the_cache(
    machine: Machine,
) -> None:
    machine.cache.mkdir()
    (machine.cache / "programs").mkdir()
    machine.add("npm", NPM)
    done = programs(machine)
    assert done.returncode == 0, done.stderr
    (line,) = machine.logged()
    assert f"--prefix {machine.cache}/programs" in line
    entries = load_catalog(Path("/nonexistent")).agents.values()
    wanted = [entry.install.split()[-1] for entry in entries if entry.install]
    assert len(wanted) == 4
    assert all(name in line for name in wanted)
    assert programs(machine).stderr == ""
    assert len(machine.logged()) == 1


@pytest.mark.parametrize(("npm", "said"), [(False, "npm is not installed"), (True, "could not")])
def test_without_npm_or_its_registry_the_tests_go_on(
    machine: Machine, npm: bool, said: str
) -> None:
    if npm:
        machine.add("npm", NPM)
    for _ in range(2):
        done = programs(machine, FAIL_ON="x")
        assert done.returncode == 0
        assert said in done.stderr
        assert "skipped" in done.stderr


def test_ci_calls_the_tests_and_nothing_else(machine: Machine) -> None:
    set_up(machine)
    shutil.copytree(ROOT / ".ci", machine.checkout / ".ci")
    done = machine.run("bash", str(machine.checkout / ".ci" / "run"))
    assert done.returncode == 5
    assert done.stdout.splitlines()[-1] == f"python -m {GATE}"


@pytest.mark.parametrize("name", ["scripts/setup", "scripts/demo", "scripts/test", "scripts/bench"])
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)
    assert subprocess.run(["bash", "-n", str(ROOT / name)], check=False).returncode == 0


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_constraints_pin_every_declared_package_exactly() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {}
    for line in lines:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.]*)", line)
        assert found, f"not an exact public version: {line}"
        pinned[normal(found[1])] = found[2]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        declared += extra
    for requirement in declared:
        if requirement.startswith("ptb-lite["):
            continue  # an extra of our own
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name
        assert normal(name[0]) in pinned
