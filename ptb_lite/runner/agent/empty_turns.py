"""Turns in which an agent that was asked to go on did nothing, counted in a row."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ptb_lite.runner.agent.submissions import MAX_FOLDERS, NOT_WORK

MAX_EMPTY_TURNS = 3
"""So many in a row, and the agent's end is accepted."""


class EmptyTurns:
    """A turn is empty that called no tool, or, once the agent was asked to go on, after which the
    workspace is as it was: a model that lists its files and ends its turn again gets nowhere
    either. In its first turn an agent may look around."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._last = _fingerprint(workspace)
        self._count = 0
        self._asked = False

    def end(self, tool_calls: int) -> bool:
        """Count the turn that has ended; whether that is enough."""
        found = _fingerprint(self._workspace)
        empty = not tool_calls or (self._asked and found == self._last)
        self._last, self._asked = found, True
        self._count = self._count + 1 if empty else 0
        return self._count >= MAX_EMPTY_TURNS


def _fingerprint(workspace: Path) -> bytes:
    """Name, size and time of the workspace's files, its program's own home apart; no link is
    followed, and nothing is read."""
    digest = hashlib.sha256()
    for seen, (folder, folders, names) in enumerate(os.walk(workspace)):
        if seen >= MAX_FOLDERS:
            break
        folders[:] = sorted(name for name in folders if name not in NOT_WORK)
        for name in sorted(names):
            try:
                about = os.lstat(os.path.join(folder, name))  # noqa: PTH118 (fast: many files)
            except OSError:
                continue  # gone in this moment
            told = f"{folder}/{name}\0{about.st_size}\0{about.st_mtime_ns}\n"
            digest.update(os.fsencode(told))
    return digest.digest()
