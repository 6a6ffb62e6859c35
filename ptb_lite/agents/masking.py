"""Keeping secrets out of what is kept of a run."""

from __future__ import annotations

import mmap
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# A word as short as this is what a server of one's own is told for want of a key, not a secret;
# masking it would garble everything else.
_MIN_LENGTH = 8
_SHOWN = b"[key]"
MAX_FILES = 200_000
MAX_FILE_BYTES = 256 << 20
MAX_SECONDS = 60.0


@dataclass(frozen=True)
class Masked:
    """What masking a folder came to: files cleared, files that still hold a secret, not read."""

    cleared: tuple[Path, ...] = ()
    left: tuple[Path, ...] = ()
    unread: int = 0


def mask_line(line: bytes, secrets: Sequence[str]) -> bytes:
    """The line without the secrets."""
    for wanted in _wanted(secrets):
        line = line.replace(wanted, _SHOWN)
    return line


def mask_file(path: Path, secrets: Sequence[str]) -> int:
    """Overwrite the secrets with stars in a regular file, in place; how often they were there.

    The file keeps its length, so that whoever has read a part of it can go on. A missing file has
    none, and a link is not followed. Raises OSError when it cannot be written.
    """
    wanted = _wanted(secrets)
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    with os.fdopen(handle, "r+b") as stream:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size == 0 or not wanted:
            return 0
        with mmap.mmap(handle, 0) as view:
            found = sum(_mask(view, each) for each in wanted)
        stream.flush()
    return found


def mask_folder(folder: Path, secrets: Sequence[str]) -> Masked:
    """Mask every file below a folder that an agent has left.

    A file with a second name might be somebody else's as well: it is named, not written. Files
    over `MAX_FILE_BYTES`, and all after `MAX_FILES` or `MAX_SECONDS`, are counted as unread.
    Secrets in another form (encoded, compressed) are not found.
    """
    wanted = _wanted(secrets)
    cleared: list[Path] = []
    left: list[Path] = []
    unread = seen = 0
    give_up = time.monotonic() + MAX_SECONDS
    for path, about in _files(folder) if wanted else ():
        seen += 1
        if about.st_size > MAX_FILE_BYTES or seen > MAX_FILES or time.monotonic() > give_up:
            unread += 1
            continue
        try:
            if not _holds(path, wanted):
                continue
            if about.st_nlink > 1:
                left.append(path)
            elif mask_file(path, secrets):
                cleared.append(path)
        except OSError:
            unread += 1
    return Masked(tuple(cleared), tuple(left), unread)


def _wanted(secrets: Sequence[str]) -> list[bytes]:
    """As bytes; the longest first, since one may hold another."""
    long = {each.encode() for each in secrets if len(each.encode()) >= _MIN_LENGTH}
    return sorted(long, key=len, reverse=True)


def _mask(view: mmap.mmap, wanted: bytes) -> int:
    found = 0
    at = view.find(wanted)
    while at >= 0:
        view[at : at + len(wanted)] = b"*" * len(wanted)
        found += 1
        at = view.find(wanted, at + len(wanted))
    return found


def _holds(path: Path, wanted: Sequence[bytes]) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.fstat(handle).st_size == 0:
            return False
        with mmap.mmap(handle, 0, access=mmap.ACCESS_READ) as view:
            return any(view.find(each) >= 0 for each in wanted)
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
