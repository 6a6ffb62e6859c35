"""The processes of an agent's tree, one entry for each program that one of them became."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_PROCESSES = 20_000
_MAX_COMMAND = 4096
_MAX_RECENT = 256
_MOMENT_SECONDS = 0.5


class Status(NamedTuple):
    """Of /proc/PID/status: the process that a thread belongs to, its parent, and its number inside
    of the sandbox."""

    process: int
    parent: int
    inside: int


@dataclass
class Running:
    """One program in one process. `entry` is its number in the record; `seen` what was noted of it
    already: an act and a file."""

    entry: int
    started: int
    noted: int = 0
    seen: set[tuple[str, str]] = field(default_factory=set)


class Processes:
    """Which entry of the record each living process has. `first` is the first number given."""

    def __init__(self, first: int = 1) -> None:
        self._next = first
        self._running: dict[int, Running] = {}
        self._recent: dict[int, tuple[float, Running]] = {}

    def recent(self, thread: int) -> Running | None:
        """The entry of a thread's process if that was looked up a moment ago: its number cannot
        mean another one yet."""
        found = self._recent.get(thread)
        if found is None or time.monotonic() - found[0] > _MOMENT_SECONDS:
            return None
        return found[1]

    def looked_up(self, thread: int, entry: Running) -> None:
        """Remember which entry a thread has just now."""
        if len(self._recent) >= _MAX_RECENT:
            self._recent.clear()
        self._recent[thread] = (time.monotonic(), entry)

    def known(self, process: int) -> Running | None:
        """The entry of a process, unless its number means another one by now."""
        found = self._running.get(process)
        if found is not None and found.started != started(process):
            del self._running[process]
            return None
        return found

    def add(self, process: int) -> Running:
        """A new entry for a process, in the place of the one it had."""
        if len(self._running) >= MAX_PROCESSES:
            self._running = {
                each: one for each, one in self._running.items() if started(each) == one.started
            }
        made = Running(self._next, started(process))
        self._next += 1
        self._running[process] = made
        self._recent.clear()
        return made


def status(thread: int) -> Status:
    """Raises OSError for one that is gone."""
    process = parent = inside = thread
    with open(f"/proc/{thread}/status", "rb") as file:  # noqa: PTH123 (no pathlib: start-up)
        for line in file:
            if line.startswith(b"Tgid:"):
                process = int(line[5:])
            elif line.startswith(b"PPid:"):
                parent = int(line[5:])
            elif line.startswith(b"NStgid:"):
                inside = int(line.split()[-1])
                break
    return Status(process, parent, inside)


def started(process: int) -> int:
    """When a process was started, in clock ticks since the machine was; -1: it is gone."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:  # noqa: PTH123
            # The name of the program, in brackets, may hold anything.
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return -1


def command_of(process: int) -> tuple[bytes, ...]:
    """Its command line, cut at 4,096 bytes; nothing for one that is gone."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:  # noqa: PTH123
            raw = file.read(_MAX_COMMAND)
    except OSError:
        return ()
    return tuple(raw.rstrip(b"\0").split(b"\0")) if raw else ()


def linked(path: bytes | str) -> bytes:
    """What a link of /proc leads to, in bytes. Raises OSError."""
    return os.readlink(os.fsencode(path))  # noqa: PTH115 (pathlib has no bytes)


def stream_of(process: int, number: int) -> str:
    """What one of its standard streams is: `pipe:[N]`, or a file's path; empty: closed."""
    try:
        return os.fsdecode(linked(f"/proc/{process}/fd/{number}"))
    except OSError:
        return ""
