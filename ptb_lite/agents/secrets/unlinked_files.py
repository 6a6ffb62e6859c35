"""Files below a folder that an agent has written: reached without following any of its links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath


@contextmanager
def _folder(root: Path, relative: PurePosixPath, *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder `relative` below `root`. Raises OSError, also for a link in it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(root, flags)
    try:
        for part in relative.parts:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o700, dir_fd=handle)
            inner = os.open(part, flags, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def write_beneath(root: Path, name: str, content: str) -> None:
    """Write a new file that only this person can read, with the folders above it.

    Raises OSError, also when there is such a file already.
    """
    path = PurePosixPath(name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _folder(root, path.parent, make=True) as folder:
        handle = os.open(path.name, flags, 0o600, dir_fd=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)


def read_beneath(root: Path, name: str, limit: int) -> str:
    """At most `limit` bytes of a regular file as text. Raises OSError."""
    path = PurePosixPath(name)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with _folder(root, path.parent) as folder:
        handle = os.open(path.name, flags, dir_fd=folder)
        with os.fdopen(handle, "rb") as stream:
            return stream.read(limit).decode("utf-8", "replace")


def remove_beneath(root: Path, name: str) -> None:
    """Remove a file, or a link in its place. Raises OSError, FileNotFoundError when it is gone."""
    path = PurePosixPath(name)
    with _folder(root, path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)
