"""Each change of the submission folder, when it was seen from outside."""

from __future__ import annotations

import hashlib
import math
import os
import stat
import time
from itertools import islice
from pathlib import Path

from ptb_lite.agents.start import HOME
from ptb_lite.runner.context import SubmissionSeen
from ptb_lite.runs.folder import HUB_FOLDER

SETTLED_SECONDS = 1.0
MAX_FILES = 100
MAX_SEEN = 1000
MAX_FOLDERS = 20_000
MAX_HASHED = 256 << 20
"""A quarter of a second of hashing: an adapter, not a whole model."""
_BLOCK = 1 << 20
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
NOT_WORK = (HOME, HUB_FOLDER, "node_modules")

_Print = tuple[tuple[str, int, int, int], ...]


def stray_adapters(workspace: Path, submission: str, until: float = math.inf) -> tuple[str, ...]:
    """Folders below a workspace, the submission's own apart, that hold an adapter's two files; no
    link is followed, and nothing is read. After `until` (`time.monotonic`) no more are sought."""
    found = []
    for seen, (folder, folders, names) in enumerate(os.walk(workspace)):
        if seen >= MAX_FOLDERS or time.monotonic() > until:
            break
        folders[:] = sorted(name for name in folders if name not in NOT_WORK)
        if set(ADAPTER_FILES) <= set(names):
            found.append(os.path.relpath(folder, workspace))
    return tuple(name for name in found if name != submission)


class SubmissionWatch:
    """Looks at names, sizes and times only, and follows no link: the folder is the agent's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last: _Print = ()
        self._since = 0.0
        self._noted = True
        self._seen: list[SubmissionSeen] = []

    def look(self, seconds: float) -> None:
        """Look at the folder, `seconds` after the agent began.

        A change counts from when it was first seen, once nothing changed for `SETTLED_SECONDS`: an
        adapter is written in several steps.
        """
        found = _fingerprint(self._folder)
        if found != self._last:
            self._last, self._since, self._noted = found, seconds, not found
        elif not self._noted and seconds - self._since >= SETTLED_SECONDS:
            self._note()

    @property
    def seen(self) -> tuple[SubmissionSeen, ...]:
        """All submissions until now, in order."""
        return tuple(self._seen)

    def finish(self, seconds: float) -> tuple[SubmissionSeen, ...]:
        """All submissions, in order, with the one that is there when the agent has ended."""
        self.look(seconds)
        if not self._noted:
            self._note()
        return self.seen

    def _note(self) -> None:
        self._noted = True
        if len(self._seen) < MAX_SEEN:
            sizes = [size for _, size, _, _ in self._last]
            self._seen.append(
                SubmissionSeen(
                    seconds=self._since,
                    files=len(sizes),
                    bytes=sum(sizes),
                    weights=_weights(self._folder),
                )
            )


def _weights(folder: Path) -> str:
    """The hash of the adapter in the folder, of a regular file of up to `MAX_HASHED` bytes."""
    try:
        within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        name = ADAPTER_FILES[1]
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=within)
    except OSError:
        return ""
    finally:
        os.close(within)
    with os.fdopen(handle, "rb") as stream:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_HASHED:
            return ""
        digest = hashlib.sha256()
        for _ in range(MAX_HASHED // _BLOCK + 1):
            if not (block := stream.read(_BLOCK)):
                break
            digest.update(block)
        return digest.hexdigest()


def _fingerprint(folder: Path) -> _Print:
    """Name, size, time and inode of the folder's entries; empty when it is no folder."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return ()
    try:
        with os.scandir(handle) as entries:
            found = []
            for entry in islice(entries, MAX_FILES):
                about = entry.stat(follow_symlinks=False)
                found.append((entry.name, about.st_size, about.st_mtime_ns, about.st_ino))
    except OSError:
        return ()  # changed in this moment: the next look sees it
    finally:
        os.close(handle)
    return tuple(sorted(found))
