"""What each call that is told of says: lines of the record, and copies of what would be gone."""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ptb_lite.provenance import processes
from ptb_lite.provenance.calls import Call
from ptb_lite.provenance.copies import Copies
from ptb_lite.provenance.inline import inline, waiting_on_stdin
from ptb_lite.provenance.listener import Memory, Notice
from ptb_lite.provenance.places import AT_FDCWD, Place, Places
from ptb_lite.provenance.processes import Processes, Running

MAX_LINES = 100_000
MAX_BYTES = 64 << 20
MAX_OF_ONE = 2000
"""Lines of one program in one process."""
_MAX_PATH = 4096
_MAX_WORDS = 64
_MAX_WORD = 128 << 10
_MAX_DEPTH = 32
_MAX_SHOWN, _MAX_ALL_SHOWN = 16 << 10, 32 << 10
_MAX_LOOKS = 200
_PASSING = ("/tmp/", "/var/tmp/", "/dev/shm/", "/home/agent/")
"""Folders that end with a sandbox: what is read there is kept before anybody removes it."""


class Lines:
    """Lines of JSON at the end of a file, each written at once: whoever writes may be killed."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._bytes = os.fstat(self._handle).st_size
        self._lines = 0
        self.left_out = 0

    def write(self, kind: str, *, always: bool = False, **fields: Any) -> None:
        """Beyond the bounds, and on a full disk, a line is counted and left out."""
        self._lines += 1
        if not always and (self._lines > MAX_LINES or self._bytes > MAX_BYTES):
            self.left_out += 1
            return
        given = {"kind": kind, "at": round(time.time(), 3)}
        given |= {name: value for name, value in fields.items() if value not in ("", None, False)}
        line = json.dumps(given).encode("ascii") + b"\n"
        try:
            self._bytes += os.write(self._handle, line)
        except OSError:
            self.left_out += 1


class Observer:
    """Notes the calls of one tree. `top` is the process above it, no part of it. Raises nothing but
    what is a fault of its own: a process that is gone has nothing to say."""

    def __init__(
        self, calls: dict[int, Call], places: Places, copies: Copies, lines: Lines, first: int
    ) -> None:
        self._calls, self._places, self._copies, self._lines = calls, places, copies, lines
        self._memory = Memory()
        self._processes = Processes(first)
        self._top = 0
        self._workspace = ""
        self._awaited: dict[int, tuple[Running, int]] = {}
        self.left_out = 0
        self.seen = 0

    def within(self, workspace: str) -> None:
        """Copies are kept of files in `workspace`, and of those in folders that end with a
        sandbox; of others, which may be a person's, never."""
        self._workspace = workspace.rstrip("/") + "/"

    def readable(self, notice: Notice) -> None:
        """Raises OSError where this system does not let the callers' memory be read."""
        call = self._calls[notice.number]
        self._memory.bytes_at(notice.thread, notice.arguments[call.path], 1)

    def note(self, notice: Notice) -> None:
        """Note one call, before it is carried out. Raises OSError where its caller is gone."""
        self.seen += 1
        call = self._calls.get(notice.number)
        if call is None:
            return
        thread, given = notice.thread, notice.arguments
        if thread in self._awaited:
            self._look_again(thread)
        path = self._memory.text_at(thread, given[call.path], _MAX_PATH)
        at = _folder(given, call.at)
        if call.act == "execute":
            words = self._memory.words_at(thread, given[call.extra], _MAX_WORDS, _MAX_WORD)
            self._execute(thread, at, path, words)
        elif call.act in ("open", "create", "openat2"):
            if call.act == "create":
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            elif self._places.is_quiet(path):
                return
            elif call.act == "open":
                flags = given[call.extra]
            else:
                flags = self._memory.word_at(thread, given[call.extra])
            self._open(thread, at, path, flags)
        elif call.act in ("rename", "link"):
            to = self._memory.text_at(thread, given[call.to], _MAX_PATH)
            self._move(call.act, thread, (at, path), (_folder(given, call.to_at), to))
        elif call.act == "unlink":
            self._gone("delete", thread, self._places.named(thread, at, path))
        else:
            self._gone("write", thread, self._places.opened(thread, at, path, makes=False))

    def _execute(self, thread: int, at: int, path: bytes, words: tuple[bytes, ...]) -> None:
        if path and not self._places.exists(thread, at, path):
            return  # one of the places where a program is looked for
        status = processes.status(thread)
        before = self._processes.known(status.process)
        parent = self._parent(status.parent)
        entry = self._processes.add(status.process)
        command = [os.fsdecode(word) for word in words]
        self._lines.write(
            "process",
            entry=entry.entry,
            parent=parent,
            before=before.entry if before else None,
            pid=status.inside,
            program=os.fsdecode(path),
            command=_cut(command),
            stdin=processes.stream_of(status.process, 0),
            stdout=processes.stream_of(status.process, 1),
            text=self._inline_text(status.process, command, entry),
        )

    def _open(self, thread: int, at: int, path: bytes, flags: int) -> None:
        mode = flags & os.O_ACCMODE
        writes, reads = mode in (os.O_WRONLY, os.O_RDWR), mode in (os.O_RDONLY, os.O_RDWR)
        place = self._places.opened(thread, at, path, makes=bool(flags & os.O_CREAT))
        if place is None:
            return
        try:
            if reads and place.inode and not flags & os.O_TRUNC:
                self._read(thread, place)
            if writes and flags & os.O_TRUNC:
                self._gone("write", thread, place, close=False)
            elif writes:
                self._line("append" if flags & os.O_APPEND else "write", thread, place)
        finally:
            place.close()

    def _read(self, thread: int, place: Place) -> None:
        entry = self._new("read", thread, place)
        if entry is not None:
            content = self._copies.content(place, keep=self._passes(place.path))
            self._write("read", entry, place, content.sha256, content.kept)

    def _passes(self, path: str) -> bool:
        """Whether a file ends with the sandbox."""
        return path.startswith(_PASSING) and not path.startswith(self._workspace)

    def _line(self, act: str, thread: int, place: Place) -> None:
        entry = self._new(act, thread, place)
        if entry is not None:
            self._write(act, entry, place)

    def _gone(self, act: str, thread: int, place: Place | None, *, close: bool = True) -> None:
        """A file whose content is about to be lost, by this name at least."""
        if place is None:
            return
        try:
            mine = place.path.startswith(self._workspace) or self._passes(place.path)
            content = self._copies.content(place, keep=True) if place.size and mine else None
            entry = self._new(act, thread, place)
            if entry is not None:
                digest, kept = (content.sha256, content.kept) if content else ("", False)
                self._write(act, entry, place, digest, kept)
        finally:
            if close:
                place.close()

    def _move(self, act: str, thread: int, old: tuple[int, bytes], new: tuple[int, bytes]) -> None:
        to = self._places.name(thread, *new)
        if not to:
            return
        if act == "rename":
            self._gone("replace", thread, self._places.named(thread, *new))
        place = self._places.named(thread, *old)
        if place is None:
            # A folder, or a file of where nothing is recorded.
            name = self._places.name(thread, *old)
            if not name or not self._places.exists(thread, *old):
                return
            place = Place(name)
        entry = self._new(act, thread, place._replace(path=f"{place.path}\0{to}"))
        if entry is not None:
            self._write(act, entry, place, to=to)
        place.close()

    def _new(self, act: str, thread: int, place: Place) -> Running | None:
        """The entry of a thread's process, unless this was noted of it, or too much was."""
        entry = self._processes.recent(thread)
        if entry is None:
            process = processes.status(thread)
            entry = self._processes.known(process.process) or self._forked(process)
            self._processes.looked_up(thread, entry)
        what = (act, f"{place.path}\0{place.inode}")
        if what in entry.seen:
            return None
        if entry.noted >= MAX_OF_ONE:
            self.left_out += 1
            return None
        entry.noted += 1
        entry.seen.add(what)
        return entry

    def _write(
        self,
        act: str,
        entry: Running,
        place: Place,
        digest: str = "",
        kept: bool = False,
        to: str = "",
    ) -> None:
        self._lines.write(
            "file",
            act=act,
            entry=entry.entry,
            path=place.path,
            inode=place.inode,
            size=place.size if place.inode else None,
            sha256=digest,
            kept=kept,
            to=to,
        )

    def _forked(self, status: processes.Status, depth: int = 0) -> Running:
        """The entry of a process that was forked and became no other program."""
        parent = self._parent(status.parent, depth + 1)
        entry = self._processes.add(status.process)
        self._lines.write(
            "process",
            entry=entry.entry,
            parent=parent,
            pid=status.inside,
            command=[os.fsdecode(word) for word in processes.command_of(status.process)],
            forked=True,
        )
        return entry

    def _parent(self, process: int, depth: int = 0) -> int | None:
        """The entry of a process above one; None: none of the tree."""
        if not self._top:
            self._top = process  # the first call is that of the shim, which starts the tree
        if process in (0, 1, self._top) or depth > _MAX_DEPTH:
            return None
        found = self._processes.known(process)
        if found is None:
            with suppress(OSError):
                found = self._forked(processes.status(process), depth)
        return found.entry if found else None

    def _inline_text(self, process: int, command: list[str], entry: Running) -> str:
        """The hash of the copy of a program that has no file, as far as it is there already;
        empty: none."""
        given = inline(command)
        raw = given.text.encode("utf-8", "surrogateescape")
        if given.stdin:
            raw = waiting_on_stdin(process)
            if not raw and processes.stream_of(process, 0).startswith("pipe:"):
                self._awaited[process] = (entry, _MAX_LOOKS)
        return self._copies.digest(raw) if raw and self._copies.keep(raw) else ""

    def _look_again(self, process: int) -> None:
        """Whether a program has come that was not in the pipe yet when its interpreter began:
        that opens files of its own before it reads."""
        entry, looks = self._awaited.pop(process)
        if self._processes.known(process) is not entry:
            return
        raw = waiting_on_stdin(process)
        if raw and self._copies.keep(raw):
            self._lines.write("text", entry=entry.entry, sha256=self._copies.digest(raw))
        elif looks > 1:
            self._awaited[process] = (entry, looks - 1)


def _cut(words: Iterable[str]) -> list[str]:
    """The words that a line has room for."""
    found, left = [], _MAX_ALL_SHOWN
    for word in words:
        if left <= 0:
            break
        found.append(word[: min(left, _MAX_SHOWN)])
        left -= len(found[-1]) + 1
    return found


def _folder(given: tuple[int, ...], number: int) -> int:
    """The descriptor of a folder among arguments, as a signed number of 32 bits."""
    return AT_FDCWD if number < 0 else ctypes.c_int(given[number] & 0xFFFFFFFF).value
