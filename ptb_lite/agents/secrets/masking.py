"""Keeping secrets out of the files of a run, encoded ones included (`chat/masking.py`)."""

from __future__ import annotations

import mmap
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.chat.masking import Search, search_for

_WINDOW = 16 << 20
MAX_FILES = 200_000
MAX_FILE_BYTES = 256 << 20
MAX_SECONDS = 60.0


@dataclass(frozen=True)
class Masked:
    """What masking a folder came to: files cleared, files that still hold a secret, not read."""

    cleared: tuple[Path, ...] = ()
    left: tuple[Path, ...] = ()
    unread: int = 0


def mask_file(path: Path, secrets: Sequence[str]) -> int:
    """Overwrite the secrets with stars in a regular file, in place; how often they were there.

    The file keeps its length, so that whoever has read a part of it can go on. A missing file has
    none, and a link is not followed. Raises OSError when it cannot be written.
    """
    search = search_for(tuple(secrets))
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    with os.fdopen(handle, "r+b") as stream:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size == 0 or search is None:
            return 0
        found = 0
        with mmap.mmap(handle, 0) as view:
            for start, stop in _places(view, search):
                view[start:stop] = b"*" * (stop - start)
                found += 1
        stream.flush()
    return found


def mask_folder(folder: Path, secrets: Sequence[str]) -> Masked:
    """Mask every file below a folder that an agent has left.

    A file with a second name might be somebody else's as well: it is named, not written. Files
    over `MAX_FILE_BYTES`, and all after `MAX_FILES` or `MAX_SECONDS`, are counted as unread.
    Secrets in another form (compressed, encrypted, cut in parts) are not found.
    """
    search = search_for(tuple(secrets))
    cleared: list[Path] = []
    left: list[Path] = []
    unread = seen = 0
    give_up = time.monotonic() + MAX_SECONDS
    for path, about in _files(folder) if search is not None else ():
        seen += 1
        if about.st_size > MAX_FILE_BYTES or seen > MAX_FILES or time.monotonic() > give_up:
            unread += 1
            continue
        try:
            if search is None or not _holds(path, search):
                continue
            if about.st_nlink > 1:
                left.append(path)
            elif mask_file(path, secrets):
                cleared.append(path)
        except OSError:
            unread += 1
    return Masked(tuple(cleared), tuple(left), unread)


def _places(view: mmap.mmap, search: Search) -> Iterator[tuple[int, int]]:
    """Where the secrets stand, window by window: a file full of them fills no memory."""
    begin = 0
    while begin < len(view):
        window = view[begin : begin + _WINDOW]
        end = begin + len(window)
        # What begins near the end may be longer than what is seen of it here.
        sure = end if end == len(view) else end - search.longest
        last = begin
        for _, start, stop in search.automaton.find_matches_as_indexes(window):
            if begin + start < sure:
                last = begin + stop
                yield begin + start, last
        begin = max(sure, last)


def _holds(path: Path, search: Search) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.fstat(handle).st_size == 0:
            return False
        with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as view:
            return next(_places(view, search), None) is not None
    except ValueError:  # it is empty by now
        return False
    finally:
        os.close(handle)


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every regular file below a folder; no link is followed."""
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path), entry.stat(follow_symlinks=False)
