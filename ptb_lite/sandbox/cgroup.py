"""Limits of the kernel for a whole process tree: control groups, where this person may make them.

Version 2 where an own or higher group already gives its children the controllers (as systemd does
for a person's session), version 1 for those who may write there. Nothing that exists is changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_REMOVE_SECONDS = 2.0
_LIMITS = {
    "memory": (("memory.max", "memory.swap.max"), ("memory.limit_in_bytes",)),
    "pids": (("pids.max",), ("pids.max",)),
}
# Where the kernel counts that a limit was met, and under which word; version 2, then 1.
_MET = {
    "memory": (("memory.events", "oom_kill"), ("memory.oom_control", "oom_kill")),
    "pids": (("pids.events", "max"), ("pids.events", "max")),
}


@dataclass(frozen=True)
class Groups:
    """Groups made for one tree; `held` are the controllers (memory, pids) that limit it."""

    folders: tuple[Path, ...] = ()
    held: frozenset[str] = field(default_factory=frozenset)

    def entrances(self) -> tuple[Path, ...]:
        """The files into which a process writes itself to be a member."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def met(self, controller: str) -> int:
        """How often the limit of a controller was met: processes killed, forks refused."""
        if controller not in self.held:
            return 0
        for folder in self.folders:
            for name, word in _MET[controller]:
                with suppress(OSError, ValueError):
                    for line in (folder / name).read_text(encoding="ascii").splitlines():
                        if line.split(" ")[0] == word:
                            return int(line.split(" ")[1])
        return 0

    def remove(self) -> None:
        """Remove the groups, for whose last members the kernel may need a moment."""
        give_up = time.monotonic() + _REMOVE_SECONDS
        left = list(self.folders)
        while left and time.monotonic() < give_up:
            left = [folder for folder in left if not _removed(folder)]
            if left:
                time.sleep(0.01)


def make_groups(
    name: str,
    *,
    memory_bytes: int | None,
    processes: int | None,
    root: Path = ROOT,
    membership: Path = MEMBERSHIP,
) -> Groups:
    """New groups called `name` with these limits; what cannot be had is left out of `held`.

    A group of that name, which a killed run left, is used again.
    """
    asked = (("memory", memory_bytes), ("pids", processes))
    wanted = {controller: limit for controller, limit in asked if limit is not None}
    folders: list[Path] = []
    held: set[str] = set()
    for parent, controllers, version in _parents(root, membership):
        useful = [each for each in controllers if each in wanted and each not in held]
        folder = parent / name
        if not useful or not _made(folder):
            continue
        done = [each for each in useful if _limit(folder, each, version, wanted[each])]
        if done:
            folders.append(folder)
            held.update(done)
        else:
            _removed(folder)
    return Groups(tuple(folders), frozenset(held))


def _parents(root: Path, membership: Path) -> Iterator[tuple[Path, list[str], int]]:
    """Groups below which one could be made: the nearest first, with their controllers."""
    try:
        lines = membership.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        parts = [part for part in path.split("/") if part not in ("", "..")]
        base = root / names if names else root
        for depth in range(len(parts), -1, -1):
            folder = base.joinpath(*parts[:depth])
            if not os.access(folder, os.W_OK):
                continue
            if names:
                yield folder, names.split(","), 1
            else:
                with suppress(OSError):
                    given = (folder / "cgroup.subtree_control").read_text(encoding="ascii")
                    yield folder, given.split(), 2


def _made(folder: Path) -> bool:
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return False
    return (folder / "cgroup.procs").exists()


def _limit(folder: Path, controller: str, version: int, value: int) -> bool:
    """Whether the first, decisive file took the limit; swap beyond it is merely wished away."""
    first, *more = _LIMITS[controller][0 if version == 2 else 1]
    try:
        (folder / first).write_text(str(value), encoding="ascii")
    except OSError:
        return False
    for name in more:
        with suppress(OSError):
            (folder / name).write_text("0", encoding="ascii")
    return True


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
