"""What a sandbox adds to the start of a command, and how fast a deadline ends what is in it."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.figures import Figure, publish
from bench.timing import medians
from ptb_lite.events import Outcome
from ptb_lite.sandbox import (
    LimitPlan,
    Relay,
    RelayPlan,
    SandboxPlan,
    interpreter_paths,
    sandbox,
    start,
)
from tests.functional.sandbox.lab import PATIENCE, Lab, wait_until

pytestmark = pytest.mark.bench
TARGET_MS = 100.0
ROUNDS = 20
DEADLINE = 0.6
# What an agent may leave that does not want to end: deaf, in a session of its own, forked away.
DEAF = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
print('up', flush=True); time.sleep(600)
"""


def _supervised(name: str, plan: SandboxPlan, folder: Path) -> Callable[[], float]:
    """Seconds from start to end of `true`, on the clock as an agent is."""

    def once() -> float:
        began = time.perf_counter()
        ended = start(
            sandbox(name).wrap(["true"], plan),
            environment=plan.environment,
            cwd=plan.workspace,
            deadline_seconds=60,
            stdout=folder / "stdout",
            stderr=folder / "stderr",
        ).wait()
        seconds = time.perf_counter() - began
        assert ended is not None
        assert ended.exit_code == 0, (folder / "stderr").read_text()
        return seconds

    return once


def _plain(*command: str) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, timeout=60)
        return time.perf_counter() - began

    return once


def _need_bubblewrap() -> None:
    if problem := sandbox("bubblewrap").problem():
        pytest.skip(problem)


def test_start(tmp_path: Path) -> None:
    _need_bubblewrap()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    environment = {"PATH": "/usr/bin:/bin"}
    bare = SandboxPlan(workspace, (), environment)
    plain = SandboxPlan(workspace, interpreter_paths(), environment)
    relay = Relay(tmp_path / "relay", [])
    relay.start()
    whole = SandboxPlan(
        workspace,
        interpreter_paths(),
        environment,
        network="model-only",
        relay=RelayPlan(tmp_path / "relay"),
        limits=LimitPlan(processes=1000, file_bytes=10**9, memory_bytes=10**9),
    )
    try:
        found = medians(
            {
                "true": _plain("true"),
                "bwrap": _plain("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"),
                "none": _supervised("none", bare, tmp_path),
                "plain": _supervised("bubblewrap", plain, tmp_path),
                "whole": _supervised("bubblewrap", whole, tmp_path),
            },
            ROUNDS,
        )
    finally:
        relay.close()
    milliseconds = {name: 1000 * seconds for name, seconds in found.items()}
    least = milliseconds["bwrap"] - milliseconds["true"]
    for name, what in (("plain", ""), ("whole", ", with relay and limits")):
        added = milliseconds[name] - milliseconds["none"]
        publish(
            Figure(
                f"what a sandbox adds to a start{what}",
                added,
                "ms",
                peer="the start without it",
                peer_value=milliseconds["none"],
                limit="what bwrap alone adds",
                limit_value=least,
                target_value=TARGET_MS,
            )
        )
        print(f"\na sandbox{what} adds {added:.0f} ms to {milliseconds['none']:.0f} ms")


def test_exit_after_a_deadline(tmp_path: Path) -> None:
    """Until no process is left; `timeout` ends its child at once and leaves the one forked away."""
    _need_bubblewrap()
    late = []
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        lab = Lab(sandbox("bubblewrap"), folder)
        began = time.monotonic()
        running = lab.start(lab.python(DEAF), deadline=DEADLINE)
        wait_until(lambda lab=lab: lab.stdout.exists() and "up" in lab.output(), "the start")
        ended = running.wait(PATIENCE)
        wait_until(lambda lab=lab: not lab.living(), "the end of all")
        late.append(time.monotonic() - began - DEADLINE)
        assert ended is not None
        assert ended.outcome is Outcome.TIME_EXCEEDED
    publish(
        Figure(
            "exit after a deadline of what ignores signals, the worst of 20",
            max(late),
            "s",
            target_value=2.0,
            note=f"no process left, {ROUNDS} of {ROUNDS}; median {statistics.median(late):.2f} s",
        )
    )
    print(f"\nafter the deadline: median {statistics.median(late):.2f} s, worst {max(late):.2f} s")
