"""Files that are either whole or not there, and where they would lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ptb_lite.events import Record


def write_whole(path: Path, text: str) -> None:
    """Write `text` beside `path`, flush it to the disk and put it in place in one step."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def existing_folder(path: Path) -> Path:
    """`path` itself, or the nearest folder above it that is there."""
    found = path.absolute()
    return next(folder for folder in (found, *found.parents) if folder.exists())


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSONL, whole or not at all."""
    write_whole(path, "".join(f"{record.model_dump_json()}\n" for record in records))


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
