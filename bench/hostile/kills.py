"""`python -m bench.hostile.kills FOLDER COUNT [SEED [VICTIM]]`: processes of runs ended at random
moments.

Each run of a tiny model loses one process (its runner, a worker, the sandbox's helper, the agent)
by SIGKILL, by SIGSTOP for a while, or by a memory control group without memory. A run whose runner
died is resumed; every other time that runner is killed too. What is expected: the verdict and the
score of an undisturbed run, or a named end, and no process left.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.hostile.lab import laboratory
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Phase
from ptb_lite.runner.launch import resume
from ptb_lite.runs.folder import RunFolder
from tests.functional.runner.conftest import Bench

AGENT = "submit(); print('submitted', flush=True)\nimport time\ntime.sleep(6)"
PHASES = tuple(Phase)
WITH_WORKERS = (Phase.SEAL, Phase.AUDIT, Phase.EVALUATE)
"""The base's own scores are from the cache."""
VICTIMS = {
    "worker": ("ptb_lite.audit.worker", "engine.worker", "adapter_fit"),
    "helper": ("bwrap", "ptb_lite.sandbox"),
    "agent": ("submit",),
}
BLOWS = ("kill", "stop", "memory")
STOPPED_SECONDS = 5.0
PATIENCE_SECONDS = 900.0
_ENDING_SECONDS = 30.0
_GROUP = Path("/sys/fs/cgroup/memory")


@dataclass(frozen=True)
class Blow:
    """`when` is how far into a phase, in seconds; `again`: its resumed runner is killed as well."""

    victim: str
    how: str
    phase: Phase
    when: float
    again: bool


def chosen(number: int, dice: random.Random, only: str = "") -> Blow:
    victim = only or (*VICTIMS, "runner")[number % 4]
    phases = {"agent": (Phase.AGENT,), "helper": (Phase.AGENT,), "worker": WITH_WORKERS}
    phase = dice.choice(phases.get(victim, PHASES))
    return Blow(victim, dice.choice(BLOWS), phase, dice.random() * 4, number % 2 == 1)


def hit(run: RunFolder, blow: Blow) -> str:
    """Wait for the moment and strike; what was struck, empty when the run was over before."""
    while run.read_status().phase is not blow.phase:
        if not run.runner_lives():
            return ""
        time.sleep(0.02)
    if blow.victim == "runner":
        time.sleep(blow.when)
    while (found := _victim(run, blow.victim)) is None:
        if not run.runner_lives() or run.read_status().phase is not blow.phase:
            return ""
        time.sleep(0.02)
    # A worker may be over in a second.
    time.sleep(blow.when / 4 if blow.victim != "runner" else 0.0)
    with suppress(psutil.Error, OSError):
        _strike(found, blow.how)
        return blow.victim
    return ""


def _victim(run: RunFolder, kind: str) -> psutil.Process | None:
    pid = run.read_status().pid
    if pid is None:
        return None
    with suppress(psutil.Error):
        runner = psutil.Process(pid)
        if kind == "runner":
            return runner
        for child in reversed(runner.children(recursive=True)):
            with suppress(psutil.Error):
                words = " ".join(child.cmdline())
                if any(word in words for word in VICTIMS[kind]):
                    return child
    return None


def _strike(process: psutil.Process, how: str) -> None:
    if how == "stop":
        process.suspend()
        time.sleep(STOPPED_SECONDS)
        process.resume()
    elif how == "memory" and os.access(_GROUP, os.W_OK):
        group = _GROUP / f"ptb-lite-kills-{os.getpid()}"
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(1 << 20))
        (group / "cgroup.procs").write_text(str(process.pid))
    else:
        process.send_signal(signal.SIGKILL)


def ended(run: RunFolder, *, again: bool, dice: random.Random) -> None:
    """Wait for the end, resuming a run whose runner died."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if run.runner_lives():
            time.sleep(0.1)
        elif run.read_status().state == "ended" and run.read_scores() is not None:
            return
        else:
            with suppress(PtbLiteError):
                resume(run.path)
            if again:
                time.sleep(dice.random() * 8)
                victim = _victim(run, "runner")
                if victim is not None:
                    victim.kill()
                again = False


def left_over(run: RunFolder) -> list[str]:
    """Its processes that are there a while after its end."""
    until = time.monotonic() + _ENDING_SECONDS
    while (found := _processes(run)) and time.monotonic() < until:
        time.sleep(0.5)
    return found


def _processes(run: RunFolder) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = [*process.cmdline(), process.cwd()]
            if process.pid != os.getpid() and any(str(run.path) in word for word in words):
                found.append(" ".join(words)[:100])
    return found


def outcome(run: RunFolder) -> str:
    scores = run.read_scores()
    if scores is None:
        status = run.read_status()
        return f"{status.outcome}: {status.detail[:80]}"
    (benchmark,) = scores.benchmarks
    raw = benchmark.raw.score if benchmark.raw else None
    return f"{scores.verdict.value} {benchmark.counted.score if benchmark.counted else None} {raw}"


def main(folder: Path, count: int, start: int = 0, only: str = "") -> int:
    dice = random.Random(start)
    bench: Bench = laboratory(folder)
    expected = outcome(bench.finish(bench.start(AGENT), PATIENCE_SECONDS))
    print(f"undisturbed: {expected}", flush=True)
    table: Counter[tuple[str, str, str]] = Counter()
    for number in range(count):
        blow = chosen(number, dice, only)
        run = bench.start(AGENT)
        struck = hit(run, blow)
        ended(run, again=blow.again, dice=dice)
        left, found = left_over(run), outcome(run)
        scores = run.read_scores()
        agent = scores.time.agent_outcome.value if scores else ""
        said = "as undisturbed" if found == expected else f"{found} (agent {agent})"
        said += f", LEFT {left}" if left else ""
        table[struck or "missed", blow.how, said] += 1
        where = f"{blow.phase.value} +{blow.when:.1f} s{' and again' if blow.again else ''}"
        print(f"{number}: {struck or 'missed'} {blow.how} in {where}: {said}", flush=True)
    for (victim, how, said), times in sorted(table.items()):
        print(f"| {victim} | {how} | {said} | {times} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), *map(int, sys.argv[2:4]), *sys.argv[4:5]))
