"""The agent's living processes, as this machine sees them from outside its sandbox."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

from ptb_lite.sandbox import Sandbox, SandboxPlan, SeparateProcesses
from ptb_lite.sandbox.guide import PROGRAM

ASK_SECONDS = 5.0


class AgentProcesses:
    """Those of one turn: the descendants of its supervisor, or those of the first process of a
    container, whose engine is asked for it from time to time until it says one."""

    def __init__(self, box: Sandbox, plan: SandboxPlan, supervisor: int) -> None:
        self._engine = box if isinstance(box, SeparateProcesses) else None
        self._plan = plan
        self._root = None if self._engine else supervisor
        self._asked: float | None = None

    def root(self) -> int | None:
        """Which process all descend from; None: they cannot be seen."""
        now = time.monotonic()
        due = self._asked is None or now - self._asked >= ASK_SECONDS
        if self._root is None and self._engine is not None and due:
            self._root = self._engine.first_process(self._plan)
            self._asked = time.monotonic()
        return self._root

    def commands(self) -> list[str] | None:
        """The command lines of all; None where they cannot be seen."""
        root = self.root()
        if root is None:
            return None
        found = []
        for process in _below(root):
            with suppress(psutil.Error):
                found.append(" ".join(process.cmdline()))
        return found

    def cpu_seconds(self) -> tuple[float, bool] | None:
        """CPU time of all, and whether they are one line of parent and child: a program by itself.
        The sandbox's own helper, which leads to the network, does not count. None where they cannot
        be seen."""
        root = self.root()
        if root is None:
            return None
        total = 0.0
        parents: list[int] = []
        for process in _below(root):
            with suppress(psutil.Error):
                used = process.cpu_times()
                total += used.user + used.system
                if os.fspath(PROGRAM) not in process.cmdline() or process.children():
                    parents.append(process.ppid())
        return total, len(parents) == len(set(parents))


def _below(pid: int) -> Iterator[psutil.Process]:
    with suppress(psutil.Error):
        yield from psutil.Process(pid).children(recursive=True)
