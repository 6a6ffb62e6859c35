"""One process at a time, on any file system.

flock where there is one. Lustre without `-o flock`, some NFS servers and FUSE have none: there a
file is made beside the lock, which only one process can (O_EXCL), and which names its owner. An
owner that is dead, or on another machine and silent for `SILENT_SECONDS`, has lost it.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ptb_lite.moments import process_began, written_within

_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL, errno.EPERM}
BEAT_SECONDS = 15.0
SILENT_SECONDS = 120.0
_POLL_SECONDS = 0.2


class FileLock:
    """A lock that is held until `close`, or until this process ends, however it ends."""

    def __init__(self, handle: int, owner: Path | None) -> None:
        self._handle = handle
        self._owner = owner
        self._over = threading.Event()
        if owner is not None:
            threading.Thread(target=self._beat, name="lock", daemon=True).start()

    def close(self) -> None:
        self._over.set()
        if self._owner is not None:
            self._owner.unlink(missing_ok=True)
        os.close(self._handle)

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with suppress(OSError):
                os.utime(self._owner or "")


def try_lock(path: Path) -> FileLock | None:
    """The lock of a file, which is made when it is missing; None while another process holds it.

    Children do not inherit it. Raises OSError when the file cannot be written.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        match _flocked(handle, fcntl.LOCK_EX):
            case True:
                return FileLock(handle, None)
            case None:
                owner = _owner_file(path)
                if _own(owner):
                    return FileLock(handle, owner)
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        free = _flocked(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)
    return _alive(_owner_file(path)) if free is None else not free


@contextmanager
def waiting_lock(path: Path, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold the lock of a file, after whoever has it; `on_wait` is called when that takes a while.

    Raises OSError when the file cannot be written.
    """
    lock = try_lock(path)
    if lock is None:
        on_wait()
    while lock is None:
        time.sleep(_POLL_SECONDS)
        lock = try_lock(path)
    try:
        yield
    finally:
        lock.close()


def lock_problem(folder: Path) -> str:
    """What is wrong with locks in a folder, tried there; empty when the kernel has them."""
    path = folder / f".ptb-lite-lock-{os.getpid()}"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if _flocked(handle, fcntl.LOCK_EX) is None:
            return "its file system has no locks; a file that names the owner is used instead"
        return ""
    finally:
        os.close(handle)
        path.unlink(missing_ok=True)


def _flocked(handle: int, kind: int) -> bool | None:
    """Whether flock was got; None where the file system has none."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _owner_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")


def _own(owner: Path) -> bool:
    """Make the owner's file, once in place of a dead owner's."""
    for _ in range(2):
        try:
            handle = os.open(owner, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            if _alive(owner):
                return False
            owner.unlink(missing_ok=True)
            continue
        began = process_began(os.getpid())
        said = {"host": socket.gethostname(), "pid": os.getpid()}
        with os.fdopen(handle, "w") as stream:
            json.dump({**said, "began": began.model_dump() if began else None}, stream)
        return True
    return False


def _alive(owner: Path) -> bool:
    try:
        said = json.loads(owner.read_bytes() or b"{}")
        host, pid, began = said.get("host"), said.get("pid"), said.get("began")
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError):
        host = pid = began = None
    if host == socket.gethostname() and isinstance(pid, int):
        found = process_began(pid)
        return found is not None and found.model_dump() == began
    try:
        # Of another machine, or just being written: it says that it lives.
        return written_within(owner, SILENT_SECONDS)
    except OSError:
        return False
