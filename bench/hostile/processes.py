"""The processes of a run, seen from outside: victims, and what is left of them."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from ptb_lite.runs.folder import RunFolder

VICTIMS = {
    "worker": ("ptb_lite.audit.worker", "audit.isolation.", "engine.worker", "adapter_fit"),
    "helper": ("bwrap", "ptb_lite.sandbox"),
    "agent": ("final_model",),
}
_ENDING_SECONDS = 30.0


@dataclass
class Watched:
    """Every process below a run's runner that was seen, whatever its name."""

    run: RunFolder
    seen: set[psutil.Process] = field(default_factory=set)

    def note(self) -> None:
        if (runner := victim_of(self.run, "runner")) is not None:
            with suppress(psutil.Error):
                self.seen |= {runner, *runner.children(recursive=True)}

    def alive(self) -> set[psutil.Process]:
        found = set()
        for process in self.seen:
            with suppress(psutil.Error):
                # `is_running` compares the start as well: a pid is used again.
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    found.add(process)
        return found


def victim_of(run: RunFolder, kind: str) -> psutil.Process | None:
    pid = run.read_status().pid
    if pid is None:
        return None
    with suppress(psutil.Error):
        runner = psutil.Process(pid)
        if "ptb_lite.runner" not in runner.cmdline():
            return None
        if kind == "runner":
            return runner
        for child in reversed(runner.children(recursive=True)):
            with suppress(psutil.Error):
                words = " ".join(child.cmdline())
                if any(word in words for word in VICTIMS[kind]):
                    return child
    return None


def left_over(run: RunFolder, watched: Watched | None = None) -> list[str]:
    """Its processes that are there a while after its end."""
    until = time.monotonic() + _ENDING_SECONDS
    while (found := _processes(run, watched)) and time.monotonic() < until:
        time.sleep(0.5)
    return found


def _processes(run: RunFolder, watched: Watched | None) -> list[str]:
    known, found = watched.alive() if watched else set(), []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = [*process.cmdline(), process.cwd()]
            if process.pid == os.getpid():
                continue
            if process in known or any(str(run.path) in word for word in words):
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
