"""The listening end of seccomp's user notification (seccomp_unotify(2)), and the caller's memory.

Every call that is told of waits until it is answered. The only answer that is given is to go on:
nothing is decided here.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from contextlib import suppress
from typing import NamedTuple

NOTICE_BYTES = 80
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_SET_FLAGS, _SYNCHRONOUS_WAKE_UP = 0x40082104, 1
_CONTINUE = 1
_NOTICE = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=Qqii")
_PAGE = 4096
_WORD = struct.Struct("=Q")


class Notice(NamedTuple):
    """One waiting call: its cookie, the thread's number as this process sees it, the system call's
    number and its six arguments."""

    cookie: int
    thread: int
    number: int
    arguments: tuple[int, ...]


class Listener:
    """The descriptor of a filter's notices. `room` is where the kernel puts a notice: memory that
    is shared with a second process, so that it can answer what a first one died over."""

    def __init__(self, descriptor: int, room: memoryview | bytearray) -> None:
        self.descriptor = descriptor
        self._room = room
        self._answer = bytearray(_ANSWER.size)
        # Waiting caller and answerer take turns: woken on the same CPU, where the kernel can (6.6).
        with suppress(OSError):
            fcntl.ioctl(descriptor, _SET_FLAGS, _SYNCHRONOUS_WAKE_UP)

    def receive(self) -> Notice | None:
        """The next notice; waits for it. None: the caller died meanwhile. Raises OSError."""
        self._room[:NOTICE_BYTES] = bytes(NOTICE_BYTES)
        try:
            fcntl.ioctl(self.descriptor, _RECEIVE, self._room)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None
            raise
        cookie, thread, _, number, _, _, *arguments = _NOTICE.unpack_from(self._room)
        return Notice(cookie, thread, number, tuple(arguments))

    def pending(self) -> int:
        """The cookie of the notice in `room`, which may have been answered; 0: none."""
        (cookie,) = _WORD.unpack_from(self._room)
        return int(cookie)

    def proceed(self, cookie: int) -> None:
        """Let a call go on. A caller that died meanwhile needs no answer. Raises OSError."""
        _ANSWER.pack_into(self._answer, 0, cookie, 0, 0, _CONTINUE)
        try:
            fcntl.ioctl(self.descriptor, _SEND, self._answer)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINPROGRESS):
                raise


class _Part(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t))


class Memory:
    """Reads another process's memory (process_vm_readv(2)).

    What is read there may be changed by the process's other threads before its call goes on.
    """

    def __init__(self) -> None:
        self._read = ctypes.CDLL(None, use_errno=True).process_vm_readv
        self._read.argtypes = (
            *(ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong),
            *(ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong),
        )
        self._read.restype = ctypes.c_ssize_t
        self._room = ctypes.create_string_buffer(_PAGE)
        self._here = _Part(ctypes.addressof(self._room), 0)
        self._there = _Part(0, 0)
        self._parts = (ctypes.byref(self._here), ctypes.byref(self._there))

    def bytes_at(self, process: int, address: int, size: int) -> bytes:
        """At most `size` bytes, and at most to the end of the page. Raises OSError."""
        size = min(size, _PAGE - address % _PAGE)
        self._here.size = self._there.size = size
        self._there.address = address
        got = self._read(process, self._parts[0], 1, self._parts[1], 1, 0)
        if got < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return ctypes.string_at(self._here.address, got)

    def text_at(self, process: int, address: int, limit: int) -> bytes:
        """The bytes up to the first null byte, at most `limit`. Raises OSError."""
        found = b""
        # Most paths are short: a page is not copied for each.
        size = 256
        while len(found) < limit:
            part = self.bytes_at(process, address + len(found), min(size, limit - len(found)))
            text, end, _ = part.partition(b"\0")
            found += text
            if end or not part:
                break
            size = _PAGE
        return found

    def words_at(self, process: int, address: int, most: int, limit: int) -> tuple[bytes, ...]:
        """The texts of an array of addresses that ends with 0, as argv: at most `most`, each at
        most `limit` bytes, together at most twice that. Raises OSError."""
        found: list[bytes] = []
        left = 2 * limit
        while len(found) < most and left > 0:
            (where,) = _WORD.unpack(self._whole(process, address + _WORD.size * len(found)))
            if where == 0:
                break
            found.append(self.text_at(process, where, min(limit, left)))
            left -= len(found[-1]) + 1
        return tuple(found)

    def _whole(self, process: int, address: int) -> bytes:
        first = self.bytes_at(process, address, _WORD.size)
        if len(first) == _WORD.size:
            return first
        return first + self.bytes_at(process, address + len(first), _WORD.size - len(first))

    def word_at(self, process: int, address: int) -> int:
        """Eight bytes as a number. Raises OSError."""
        return int(_WORD.unpack(self._whole(process, address))[0])
