"""A safe walk over a folder that someone hostile may have filled.

Links are never followed, special files never opened, and the number of files is bounded. What is
left out is said: `notes` for what cannot hold text of its own (links, pipes, devices), `unread`
for what could.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BufferedReader
from pathlib import Path

from ptb_lite.audit.evidence import progress
from ptb_lite.text import escaped

MAX_FILES = 300_000
MAX_DEPTH = 64
_MAX_MESSAGES = 50
# The Hub's client names its files by links: that they are not followed is not worth a note each.
_HUB_LINK = re.compile(r"(?:^|/)(?:models|datasets)--[^/]+/(?:snapshots|blobs)/")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file. `relative` is for people and flags: `/` between parts, always printable.

    `size` is what the file claims in bytes, `stored` what the disk holds of it (less when it is
    sparse). `known` says which file of the host's, or searched before, it is byte for byte: its
    text is not read again.
    """

    path: Path
    relative: str
    size: int
    stored: int
    known: str = ""

    @property
    def name(self) -> str:
        """Its last part. Of paths as text: of a hundred thousand files pathlib takes half the time
        of an audit."""
        return self.relative.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """As pathlib has it, in small letters."""
        return suffix_of(self.name)

    @property
    def folders(self) -> list[str]:
        """The parts before the last."""
        return self.relative.split("/")[:-1]


@dataclass
class ScanNotes:
    """What a walk or a scan left out, for a detector's result. Long lists are cut and counted."""

    notes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    more_notes: int = 0
    more_unread: int = 0

    def note(self, text: str) -> None:
        if len(self.notes) < _MAX_MESSAGES:
            self.notes.append(text)
        else:
            self.more_notes += 1

    def leave_unread(self, text: str) -> None:
        if len(self.unread) < _MAX_MESSAGES:
            self.unread.append(text)
        else:
            self.more_unread += 1

    def add(self, other: ScanNotes) -> None:
        for text in other.notes:
            self.note(text)
        for text in other.unread:
            self.leave_unread(text)
        self.more_notes += other.more_notes
        self.more_unread += other.more_unread

    def copy(self) -> ScanNotes:
        return replace(self, notes=[*self.notes], unread=[*self.unread])

    def all_notes(self) -> tuple[str, ...]:
        return (*self.notes, f"and {self.more_notes} more") if self.more_notes else (*self.notes,)

    def unread_reason(self) -> str:
        """One sentence on what was not read, or an empty text."""
        if not self.unread:
            return ""
        rest = len(self.unread) - 3 + self.more_unread
        more = f" and {rest} more" if rest > 0 else ""
        return f"not read: {'; '.join(self.unread[:3])}{more}"


@dataclass(frozen=True)
class Listing:
    """All regular files of a folder, and what the walk left out."""

    files: tuple[FoundFile, ...]
    account: ScanNotes


def list_files(folder: Path) -> Listing:
    """Raises what `walk` raises."""
    account = ScanNotes()
    return Listing(tuple(walk(folder, account)), account)


def walk(folder: Path, account: ScanNotes, *, max_files: int = MAX_FILES) -> Iterator[FoundFile]:
    """The regular files below `folder`, folder by folder, in an order that repeats.

    Raises FileNotFoundError or NotADirectoryError when `folder` itself is none, or a link.
    """
    if folder.is_symlink():
        raise NotADirectoryError(f"{folder} is a link")
    with os.scandir(folder):
        pass  # Only the caller's own mistake may raise; a folder below that vanished is told.
    pending = [(folder, "", 0)]
    count = 0
    while pending:
        path, relative, depth = pending.pop()
        for entry in _entries(path, relative, account):
            name = f"{relative}{printable(entry.name)}"
            found = _stat(entry)
            if found is None:
                account.leave_unread(f"{name}: vanished")
            elif stat.S_ISDIR(found.st_mode):
                if depth + 1 > MAX_DEPTH:
                    account.leave_unread(f"{name}: deeper than {MAX_DEPTH} folders")
                else:
                    pending.append((path / entry.name, f"{name}/", depth + 1))
            elif stat.S_ISLNK(found.st_mode) and _HUB_LINK.search(name):
                continue
            elif not stat.S_ISREG(found.st_mode):
                account.note(f"{name}: {kind_of(found.st_mode)}, not opened")
            elif count >= max_files:
                account.leave_unread(f"more than {max_files:,} files")
                return
            else:
                count += 1
                stored = min(found.st_size, found.st_blocks * 512)
                yield FoundFile(path / entry.name, name, found.st_size, stored)


def open_regular(path: Path) -> BufferedReader:
    """Open for reading without following a link or waiting on a pipe.

    Raises OSError, also when the path is no regular file.
    """
    progress.reading(os.fspath(path))
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(f"{path} is not a regular file")
    return os.fdopen(handle, "rb")


def start_of(file: FoundFile, limit: int) -> bytes:
    """The first bytes of a file, `limit` at most; empty when it cannot be read."""
    try:
        with open_regular(file.path) as stream:
            # Room for `limit` bytes, for each of many small files, took longer than the reading.
            return stream.read(min(limit, file.size))
    except OSError:
        return b""


def sha256_of(path: Path, max_bytes: int) -> str | None:
    """SHA-256 (hex) of a regular file; None when it cannot be read or is larger than that."""
    try:
        with open_regular(path) as stream:
            if os.fstat(stream.fileno()).st_size > max_bytes:
                return None
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def suffix_of(name: str) -> str:
    """The suffix of a file's name in small letters, with its dot; empty for none."""
    stem, dot, end = name.rpartition(".")
    return f".{end}".lower() if dot and end and stem else ""


def kind_of(mode: int) -> str:
    """What a file that is neither regular nor a folder is, in words."""
    kinds = {
        stat.S_IFLNK: "link",
        stat.S_IFIFO: "pipe",
        stat.S_IFSOCK: "socket",
        stat.S_IFCHR: "device",
        stat.S_IFBLK: "device",
    }
    return kinds.get(stat.S_IFMT(mode), "special file")


def printable(text: str, limit: int = 300) -> str:
    """Text that is safe in a terminal, a log or JSON: control characters and lone surrogates
    (from names that are not UTF-8) become escapes."""
    return escaped(text, limit)


def _entries(path: Path, relative: str, account: ScanNotes) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        account.leave_unread(f"{relative or '.'}: {error.strerror}")
        return []


def _stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None
