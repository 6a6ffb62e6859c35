"""A process tree is gone within 2 s of its end, whatever it does; its output stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from ptb_lite.events import Outcome
from ptb_lite.sandbox import start
from tests.functional.sandbox.lab import PATIENCE, Lab, wait_until

LIMIT = 2.0
DEADLINE = 1.0

DEAF = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
"""
HOSTILE = {
    "ignores SIGTERM": DEAF + "print('up', flush=True); time.sleep(600)",
    "setsid child": DEAF
    + """
if os.fork() == 0:
    os.setsid()
print('up', flush=True); time.sleep(600)
""",
    "double fork": DEAF
    + """
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
print('up', flush=True); time.sleep(600)
""",
    "nests deeply": DEAF
    + """
for _ in range(40):
    if os.fork():
        time.sleep(600)
    os.setsid()
print('up', flush=True); time.sleep(600)
""",
    "forks in a loop": DEAF
    + """
print('up', flush=True)
while True:
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.5)
        os._exit(0)
    time.sleep(0.002)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
""",
    "moves on by forking": DEAF
    + """
print('up', flush=True)
if os.fork() == 0:
    while True:
        if os.fork():
            os._exit(0)
        os.setsid()
time.sleep(600)
""",
    "is stopped": DEAF
    + """
print('up', flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
""",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_deadline_ends_the_whole_tree(lab: Lab, kind: str) -> None:
    began = time.monotonic()
    running = lab.start(lab.python(HOSTILE[kind]), deadline=DEADLINE)
    wait_until(lambda: "up" in lab.output() if lab.stdout.exists() else False, "the start")
    assert lab.living()
    wait_until(lambda: not lab.living(), "the end")
    took = time.monotonic() - began - DEADLINE
    ended = running.wait(PATIENCE)
    assert ended is not None
    assert ended.outcome is Outcome.TIME_EXCEEDED
    assert ended.exit_code is None
    assert DEADLINE <= ended.seconds < DEADLINE + LIMIT
    assert took < LIMIT
    assert lab.living() == []


@pytest.mark.parametrize("kind", ["setsid child", "double fork", "moves on by forking"])
def test_stop_does_the_same_early(lab: Lab, kind: str) -> None:
    running = lab.start(lab.python(HOSTILE[kind]), deadline=600)
    wait_until(lambda: "up" in lab.output() if lab.stdout.exists() else False, "the start")
    assert running.poll() is None
    began = time.monotonic()
    running.stop()
    ended = running.wait(PATIENCE)
    assert ended is not None
    assert ended.outcome is Outcome.STOPPED
    assert ended.detail == "asked to stop"
    assert time.monotonic() - began < LIMIT
    assert lab.living() == []
    running.stop()  # a second time is harmless
    assert running.poll() == ended


RUNNER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from ptb_lite.sandbox import SandboxPlan, interpreter_paths, sandbox, start
folder = Path({folder!r})
plan = SandboxPlan(folder / "workspace", interpreter_paths(), {environment!r})
running = start(sandbox({name!r}).wrap({command!r}, plan), environment=plan.environment,
    cwd=plan.workspace, deadline_seconds=600, stdout=folder / "stdout", stderr=folder / "stderr")
print(running.pid, flush=True)
time.sleep(600)
"""


def start_runner(lab: Lab, command: list[str]) -> tuple[subprocess.Popen[str], int]:
    """A runner process of its own that supervises `command`: it, and the guard's pid."""
    source = RUNNER.format(
        root=str(Path(__file__).parents[3]),
        folder=str(lab.folder),
        environment=dict(lab.plan().environment),
        name=lab.isolation.name,
        command=command,
    )
    runner = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    guard = int(runner.stdout.readline())
    wait_until(lambda: "up" in lab.output() if lab.stdout.exists() else False, "the start")
    return runner, guard


@pytest.mark.parametrize("kind", ["setsid child", "double fork", "moves on by forking"])
def test_the_tree_goes_with_a_killed_runner(lab: Lab, kind: str) -> None:
    runner, guard = start_runner(lab, lab.python(HOSTILE[kind]))
    assert lab.living()
    began = time.monotonic()
    runner.kill()
    runner.wait(PATIENCE)
    wait_until(lambda: not lab.living(), "the end")
    assert time.monotonic() - began < LIMIT
    wait_until(lambda: not psutil.pid_exists(guard), "the supervisor's end")


def test_the_tree_goes_with_the_runner_though_its_pipe_is_held(lab: Lab) -> None:
    runner, guard = start_runner(lab, lab.python(HOSTILE["double fork"]))
    # Another process keeps the writing end of the supervisor's stdin open.
    keeper = psutil.Process(guard).children()[0].pid
    with Path(f"/proc/{keeper}/fd/0").open("wb", buffering=0):
        runner.kill()
        runner.wait(PATIENCE)
        wait_until(lambda: not lab.living(), "the end", LIMIT)


@pytest.mark.parametrize("victim", ["guard", "keeper", "both"])
def test_killing_the_supervisor_frees_nothing(lab: Lab, victim: str) -> None:
    kind = "ignores SIGTERM" if victim == "both" else "double fork"
    running = lab.start(lab.python(HOSTILE[kind]), deadline=600)
    wait_until(lambda: "up" in lab.output() if lab.stdout.exists() else False, "the start")
    keeper = psutil.Process(running.pid).children()[0].pid
    if victim == "both":
        os.kill(keeper, signal.SIGSTOP)  # so that it cannot act on the guard's death
    if victim in ("guard", "both"):
        os.kill(running.pid, signal.SIGKILL)
    if victim in ("keeper", "both"):
        os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: not lab.living(), "the end", LIMIT)
    ended = running.wait(PATIENCE)
    assert ended is not None
    assert ended.outcome in (Outcome.FAILED, Outcome.STOPPED)
    assert ended.detail


def test_leftovers_of_a_finished_command_are_ended(lab: Lab) -> None:
    command = ["sh", "-c", f"setsid sleep 600 & nohup sh -c 'sleep 600 #{lab.mark}' & echo done"]
    ended = lab.run(command)
    assert (ended.outcome, ended.exit_code) == (Outcome.FINISHED, 0)
    assert lab.output() == "done\n"
    assert lab.living() == []


def test_a_failure_is_reported_with_its_code(lab: Lab) -> None:
    ended = lab.run(["sh", "-c", "exit 7"])
    assert (ended.outcome, ended.exit_code) == (Outcome.FAILED, 7)
    assert ended.detail == "exit code 7"


def test_a_missing_program_is_a_failure(lab: Lab) -> None:
    ended = lab.run(["/no/such/program"])
    assert ended.outcome is Outcome.FAILED
    assert "no/such/program" in ended.detail + lab.errors()


def test_a_missing_folder_is_a_failure(tmp_path: Path) -> None:
    running = start(
        ["true"],
        environment={},
        cwd=tmp_path / "none",
        deadline_seconds=5,
        stdout=tmp_path / "o",
        stderr=tmp_path / "e",
    )
    ended = running.wait(PATIENCE)
    assert ended is not None
    assert ended.outcome is Outcome.FAILED
    assert "cannot be started" in ended.detail


def test_output_is_kept_byte_for_byte(lab: Lab) -> None:
    source = """
    import os
    os.write(1, bytes(range(256)) * 4096)
    os.write(2, b"\\xff\\x00warn")
    """
    assert lab.run(lab.python(textwrap.dedent(source))).outcome is Outcome.FINISHED
    assert lab.stdout.read_bytes() == bytes(range(256)) * 4096
    assert lab.stderr.read_bytes() == b"\xff\x00warn"


def test_output_is_there_while_the_command_runs(lab: Lab) -> None:
    running = lab.start(["sh", "-c", "echo first; sleep 600"])
    wait_until(lambda: lab.stdout.exists() and lab.output() == "first\n", "the first line")
    assert running.poll() is None
    running.stop()
    assert running.wait(PATIENCE) is not None


def test_the_command_cannot_take_back_its_output(lab: Lab) -> None:
    source = "import os; os.write(1, b'said'); os.ftruncate(1, 0)"
    ended = lab.run(lab.python(source))
    assert ended.outcome is Outcome.FAILED
    assert lab.output() == "said"


def test_a_full_disk_does_not_end_the_command(lab: Lab) -> None:
    lab.stdout = Path("/dev/full")
    ended = lab.run(["sh", "-c", "head -c 300000 /dev/zero; echo late >&2"])
    assert ended.outcome is Outcome.FINISHED
    assert ended.detail == "300000 bytes of its output could not be written"
    assert lab.errors() == "late\n"


def test_a_flood_of_output_does_not_move_the_deadline(lab: Lab) -> None:
    lab.stdout = Path("/dev/null")
    ended = lab.run(["sh", "-c", "cat /dev/zero"], deadline=DEADLINE)
    assert ended.outcome is Outcome.TIME_EXCEEDED
    assert ended.seconds < DEADLINE + LIMIT


def test_the_environment_is_complete_as_given(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST_API_KEY", "secret-of-the-host")
    plan = lab.plan(GIVEN="ümlaut value")
    assert lab.run(["env"], plan=plan).outcome is Outcome.FINISHED
    seen = dict(line.split("=", 1) for line in lab.output().splitlines())
    # HOME and PWD are the sandbox's own additions.
    assert {k: v for k, v in seen.items() if k not in ("HOME", "PWD")} == dict(plan.environment)
    assert "secret-of-the-host" not in lab.output()


def test_values_of_the_environment_are_not_on_any_command_line(lab: Lab) -> None:
    running = lab.start(["sleep", "600"], plan=lab.plan(AGENT_API_KEY="only-for-the-agent"))
    wait_until(lambda: any("sleep" in p.name() for p in lab.living()), "the start")
    for process in psutil.process_iter(["cmdline"]):
        assert not any("only-for-the-agent" in part for part in process.info["cmdline"] or ())
    running.stop()
    assert running.wait(PATIENCE) is not None


def test_the_command_has_no_input_and_cannot_gain_privileges(lab: Lab) -> None:
    ended = lab.run(["sh", "-c", "cat; grep NoNewPrivs /proc/self/status"])
    assert ended.outcome is Outcome.FINISHED
    assert lab.output().split() == ["NoNewPrivs:", "1"]
