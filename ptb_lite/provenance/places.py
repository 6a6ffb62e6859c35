"""Which file a path means to another process: its place as that process sees it, and its inode.

Looked up by a process outside of the sandbox, below the other's root (openat2(2),
RESOLVE_IN_ROOT): an agent's link leads nowhere but where it leads the agent itself. Of what cannot
change while an agent works (the system, the interpreter) nothing is looked up, since most opens are
of those.
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
import struct
from collections.abc import Iterable
from typing import NamedTuple

from ptb_lite.provenance.processes import linked

AT_FDCWD = -100
_DEVICES = (b"/dev/shm/", b"/dev/fd/", b"/dev/stdin")
# Of /proc, what leads back to files of a process.
_LINKS = (b"/cwd", b"/root", b"/fd/", b"/map_files/")
_DESCRIPTOR = re.compile(rb"(?:/dev/fd|/proc/(?:self|thread-self|\d+)/fd)/(\d+)")
_OWN = re.compile(rb"/proc/(?:self|thread-self)/(cwd|root)(?=/|$)")
_OPENAT2 = 437
_RESOLVE_IN_ROOT = 0x10
_HOW = struct.Struct("=QQQ")


class Place(NamedTuple):
    """A regular file, or the name of one that is not there yet (`inode` empty).

    `path` is absolute, as its process sees it. `inode` names device and inode: all names of a file
    share it. `size` in bytes, `changed` its time of change in nanoseconds. `handle` is a descriptor
    of it (O_PATH, -1: none), which whoever asked closes.
    """

    path: str
    inode: str = ""
    size: int = 0
    changed: int = 0
    handle: int = -1

    def close(self) -> None:
        if self.handle >= 0:
            os.close(self.handle)


class Places:
    """Looks up paths. `quiet` are folders that nobody inside can change."""

    def __init__(self, quiet: Iterable[str]) -> None:
        folders = {os.fsencode(each).rstrip(b"/") + b"/" for each in quiet}
        self._quiet = (*sorted(folders - {b"/"}), b"/sys/")
        self._call = ctypes.CDLL(None, use_errno=True).syscall

    def is_quiet(self, path: bytes) -> bool:
        """Whether an absolute path need not be looked up."""
        if not path.startswith(b"/") or b"/../" in path:
            return False
        if path.startswith(b"/proc/"):
            return not any(link in path for link in _LINKS)
        if path.startswith(b"/dev/"):
            return not path.startswith(_DEVICES)
        return path.startswith(self._quiet)

    def opened(self, process: int, at: int, path: bytes, *, makes: bool) -> Place | None:
        """The file that an open of that path reaches, links followed. With `makes` it need not be
        there yet. None: nothing that a record is kept of. Raises OSError for what cannot be seen.
        """
        if not path or self.is_quiet(path):
            return None
        if path == b"/dev/stdin":
            path = b"/dev/fd/0"
        if own := _DESCRIPTOR.fullmatch(path):
            handle = os.open(b"/proc/%d/fd/%s" % (process, own[1]), os.O_PATH | os.O_CLOEXEC)
        else:
            try:
                handle = self._open(process, at, path, follow=True)
            except FileNotFoundError:
                name = self.name(process, at, path) if makes else ""
                return Place(name) if name else None
        return self._place(handle)

    def named(self, process: int, at: int, path: bytes) -> Place | None:
        """The file of that very name, a link at its end not followed: what is renamed or removed.
        None where there is none. Raises OSError for what cannot be seen."""
        if not path or self.is_quiet(path):
            return None
        try:
            handle = self._open(process, at, path, follow=False)
        except FileNotFoundError:
            return None
        return self._place(handle)

    def name(self, process: int, at: int, path: bytes) -> str:
        """The absolute name of something that may not be there, links in its folder followed;
        empty: no record is kept of it. Raises OSError for what cannot be seen."""
        folder, slash, last = path.rstrip(b"/").rpartition(b"/")
        try:
            handle = self._open(process, at, folder or slash or b".", follow=True)
        except FileNotFoundError:
            return ""
        try:
            above = linked(b"/proc/self/fd/%d" % handle)
        finally:
            os.close(handle)
        found = os.path.normpath(above + b"/" + last)
        return "" if not last or self.is_quiet(found) else os.fsdecode(found)

    def exists(self, process: int, at: int, path: bytes) -> bool:
        """Whether there is anything of that name. Raises OSError for what cannot be seen."""
        try:
            os.close(self._open(process, at, path, follow=True))
        except FileNotFoundError:
            return False
        return True

    def _open(self, process: int, at: int, path: bytes, *, follow: bool) -> int:
        """A descriptor (O_PATH) of what a path is below another process's root. Raises OSError."""
        if own := _OWN.match(path):
            path = linked(b"/proc/%d/%s" % (process, own[1])) + path[own.end() :]
        elif not path.startswith(b"/"):
            base = b"cwd" if at == AT_FDCWD else b"fd/%d" % at
            path = linked(b"/proc/%d/%s" % (process, base)) + b"/" + path
        root = os.open(b"/proc/%d/root" % process, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            flags = os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
            how = _HOW.pack(flags, 0, _RESOLVE_IN_ROOT)
            handle = self._call(
                *(ctypes.c_long(_OPENAT2), ctypes.c_int(root), ctypes.c_char_p(path)),
                *(ctypes.c_char_p(how), ctypes.c_size_t(_HOW.size)),
            )
            if handle < 0:
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))
            return int(handle)
        finally:
            os.close(root)

    def _place(self, handle: int) -> Place | None:
        """None, with the descriptor closed, for what is no file that a record is kept of."""
        found = os.fstat(handle)
        name = linked(b"/proc/self/fd/%d" % handle)
        if not stat.S_ISREG(found.st_mode) or self.is_quiet(name):
            os.close(handle)
            return None
        inode = f"{found.st_dev:x}:{found.st_ino}"
        return Place(os.fsdecode(name), inode, found.st_size, found.st_mtime_ns, handle)
