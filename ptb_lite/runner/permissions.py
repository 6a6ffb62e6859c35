"""The host owns the workspace: what an agent took away is put back at the deadline.

Modes, and the flags of `chattr`, which root without a sandbox can set. An access control list takes
nothing from an owner that chmod does not give back (acl(5): the owner's entry is the mode's).
"""

from __future__ import annotations

import fcntl
import math
import os
import stat
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.audit.evidence.folder import printable
from ptb_lite.runner.context import RunContext
from ptb_lite.sandbox import sandbox

# linux/fs.h: FS_IOC_GETFLAGS, FS_IOC_SETFLAGS (a long in their names, an int in fact), and
# FS_IMMUTABLE_FL | FS_APPEND_FL.
_GET_FLAGS, _SET_FLAGS, _LOCKED = 0x80086601, 0x40086602, 0x10 | 0x20
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_NAMED = 3


@dataclass
class PutBack:
    """How many files and folders had to be changed, and what stays locked."""

    changed: int = 0
    locked: tuple[str, ...] = ()
    in_time: bool = True


def own_workspace(context: RunContext, until: float = math.inf) -> None:
    """`put_back` on a run's workspace, once in a process: its agent is gone. What could not be done
    is said."""
    if context.owned.is_set():
        return
    # Who is held without capabilities has set no flags, and each takes an open file to ask for.
    flags = os.geteuid() == 0 and not sandbox(context.spec.sandbox).isolates
    done = put_back(context.run.workspace, until, flags=flags)
    if done.in_time:
        context.owned.set()
    if not done.in_time:
        context.warn("permissions were not put back everywhere: the workspace has too many files")
    if done.locked:
        shown = ", ".join(printable(name, 100) for name in done.locked[:_MAX_NAMED])
        more = f" and {len(done.locked) - _MAX_NAMED} more" if len(done.locked) > _MAX_NAMED else ""
        context.warn(f"permissions could not be put back: {shown}{more}")


def put_back(folder: Path, until: float = math.inf, *, flags: bool = True) -> PutBack:
    """Let the owner read (and enter and change) everything below `folder`, until then; without
    `flags`, those of `chattr` are not asked for.

    Links are not followed. What cannot be changed (another owner's) stays as it is: whoever reads
    it later says so.
    """
    done, pending = PutBack(), [os.fspath(folder)]
    with suppress(OSError):
        _grant(pending[0], folder.lstat().st_mode, done, flags=flags)
    while pending:
        place = pending.pop()
        try:
            with os.scandir(place) as entries:
                found = list(entries)
        except OSError:
            if os.path.lexists(place):
                done.locked = (*done.locked, place)
            continue
        for entry in found:
            if time.monotonic() > until:
                done.in_time = False
                return done
            with suppress(OSError):
                mode = entry.stat(follow_symlinks=False).st_mode
                _grant(entry.path, mode, done, flags=flags)
                if stat.S_ISDIR(mode):
                    pending.append(entry.path)
    return done


def _grant(path: str, mode: int, done: PutBack, *, flags: bool) -> None:
    """Paths are text: as objects they took half of the time of 300,000 files."""
    bits = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        return
    # Only root sets flags, and only root takes them away.
    changed = flags and os.geteuid() == 0 and _unlock(path)
    if mode & bits != bits:
        os.chmod(path, stat.S_IMODE(mode) | bits)  # noqa: PTH101 (fast: many files)
        changed = True
    done.changed += changed


def _unlock(path: str) -> bool:
    """Take the flags away; whether there were any that could be."""
    try:
        handle = os.open(path, _OPEN)
    except OSError:
        return False  # not ours to read: then nothing but root could have locked it
    try:
        flags = struct.unpack("i", fcntl.ioctl(handle, _GET_FLAGS, struct.pack("i", 0)))[0]
        if not flags & _LOCKED:
            return False
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("i", flags & ~_LOCKED))
    except OSError:
        return False  # a file system without flags, or no right to change them
    finally:
        os.close(handle)
    return True
