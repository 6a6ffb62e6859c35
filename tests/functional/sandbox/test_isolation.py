"""What a command under bubblewrap can and cannot reach."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptb_lite.events import Outcome
from ptb_lite.sandbox import SandboxPlan, interpreter_paths
from tests.functional.sandbox.lab import MARK, Lab


@pytest.fixture
def server() -> Iterator[int]:
    """A listening port on the host's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_it_writes_in_the_workspace_alone(closed_lab: Lab, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    package = Path(__file__).parents[3] / "ptb_lite"
    tried = (closed_lab.workspace, outside, package, tmp_path, "/", "/usr", "/etc", "/dev")
    folders = [str(folder) for folder in (*tried, sys.prefix, sys.base_prefix)]
    source = f"""
import os
for folder in {folders!r}:
    try:
        with open(os.path.join(folder, "{MARK}"), "x"): pass
        print(folder)
    except OSError: pass
"""
    assert closed_lab.run(closed_lab.python(source)).outcome is Outcome.FINISHED
    # tmp_path itself appears inside only as the empty folder above the workspace.
    assert set(closed_lab.output().split()) <= {str(closed_lab.workspace), str(tmp_path)}
    assert (closed_lab.workspace / MARK).exists()
    for folder in (outside, package, tmp_path, Path("/"), Path("/usr"), Path("/etc")):
        assert not (folder / MARK).exists()


def test_it_keeps_nothing_of_the_home_and_tmp(closed_lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host file")
    ended = closed_lab.run(
        ["sh", "-c", 'cd "$HOME" && ls -A; echo "[$HOME]"; cat "$0"', str(tmp_path / "secret")]
    )
    assert ended.outcome is Outcome.FAILED
    assert closed_lab.output() == "[/home/agent]\n"
    assert "No such file" in closed_lab.errors()


def test_the_home_named_in_the_plan_is_empty_and_writable(closed_lab: Lab) -> None:
    home = str(Path.home())
    plan = closed_lab.plan(HOME=home)
    seen = {path.relative_to(home).parts[0] for path in interpreter_paths() if home in str(path)}
    ended = closed_lab.run(["sh", "-c", "ls -A ~; touch ~/own && echo written >&2"], plan=plan)
    assert ended.outcome is Outcome.FINISHED
    # Only the way to the interpreter, where that lies in the home.
    assert set(closed_lab.output().split()) == seen
    assert closed_lab.errors() == "written\n"
    assert not (Path(home) / "own").exists()


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/etc/gshadow", "/etc/ssl/private", "/etc/sudoers", "/root/.ssh", "/run"],
)
def test_secrets_of_the_system_are_absent(closed_lab: Lab, path: str) -> None:
    assert closed_lab.run(["test", "-e", path]).exit_code == 1


def test_it_sees_no_process_of_the_host(closed_lab: Lab) -> None:
    source = "import os; print(*sorted(int(n) for n in os.listdir('/proc') if n.isdigit()))"
    assert closed_lab.run(closed_lab.python(source)).outcome is Outcome.FINISHED
    pids = [int(pid) for pid in closed_lab.output().split()]
    assert len(pids) <= 3
    assert os.getpid() not in pids or os.getpid() <= 3


def test_it_holds_no_capability_and_cannot_remount(closed_lab: Lab) -> None:
    script = "grep CapEff /proc/self/status; mount -o remount,rw /usr || echo refused"
    closed_lab.run(["sh", "-c", script])
    assert closed_lab.output().split() == ["CapEff:", "0000000000000000", "refused"]


def test_it_cannot_gain_power_in_a_namespace_of_its_own(closed_lab: Lab) -> None:
    script = "unshare -Urm mount -o remount,rw,bind /usr && touch /usr/own && echo written"
    ended = closed_lab.run(["sh", "-c", script])
    assert ended.outcome is Outcome.FAILED
    assert closed_lab.output() == ""


CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', {port}), 5)"


def test_network_off_reaches_nothing(closed_lab: Lab, server: int) -> None:
    ended = closed_lab.run(closed_lab.python(CONNECT.format(port=server)))
    assert ended.outcome is Outcome.FAILED
    assert "ConnectionRefusedError" in closed_lab.errors()


def test_network_full_reaches_the_host(closed_lab: Lab, server: int) -> None:
    plan = closed_lab.plan(network="full")
    ended = closed_lab.run(closed_lab.python(CONNECT.format(port=server)), plan=plan)
    assert ended.outcome is Outcome.FINISHED, closed_lab.errors()


def test_read_only_paths_inside_the_workspace_stay_read_only(closed_lab: Lab) -> None:
    harness = closed_lab.workspace / "evaluate.py"
    harness.write_text("print('as handed over')")
    plan = SandboxPlan(
        workspace=closed_lab.workspace,
        read_only=(*interpreter_paths(), harness),
        environment={"PATH": "/usr/bin:/bin"},
    )
    script = "echo own > evaluate.py || rm evaluate.py || mv evaluate.py other || cat evaluate.py"
    closed_lab.run(["sh", "-c", script], plan=plan)
    assert closed_lab.output() == "print('as handed over')"
    assert harness.read_text() == "print('as handed over')"


def test_a_missing_read_only_path_is_left_out(closed_lab: Lab, tmp_path: Path) -> None:
    plan = SandboxPlan(
        workspace=closed_lab.workspace,
        read_only=(tmp_path / "absent",),
        environment={"PATH": "/usr/bin:/bin"},
        gpu=True,
    )
    assert closed_lab.run(["true"], plan=plan).outcome is Outcome.FINISHED


def test_the_package_and_its_libraries_work_inside(closed_lab: Lab) -> None:
    root = Path(__file__).parents[3]
    plan = closed_lab.plan(PYTHONPATH=str(root))
    source = "import ptb_lite.sandbox, pydantic, psutil; print(psutil.cpu_count())"
    ended = closed_lab.run([sys.executable, "-c", source], plan=plan)
    assert ended.outcome is Outcome.FINISHED, closed_lab.errors()
    assert closed_lab.output().strip() == str(os.cpu_count())
