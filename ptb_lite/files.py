"""Files that are either the old or the new content, never half of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ptb_lite.errors import PtbLiteError

Model = TypeVar("Model", bound=BaseModel)

MAX_RECORD_BYTES = 64 * 2**20


def write_text(path: Path, text: str) -> None:
    """Replace `path` by `text`; a reader at any moment sees the old or the new content whole.

    Raises OSError when the folder is not writable or full; then the old content stays.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_lines(path: Path, records: Iterable[BaseModel]) -> None:
    """Write records as JSONL, whole or not at all."""
    write_text(path, "".join(f"{record.model_dump_json()}\n" for record in records))


def file_sha256(path: Path) -> str:
    """Of the whole content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def existing_folder(path: Path) -> Path:
    """`path` itself, or the nearest folder above it that is there."""
    found = path.absolute()
    return next(folder for folder in (found, *found.parents) if folder.exists())


def write_record(path: Path, record: BaseModel) -> None:
    """Write a pydantic model as indented JSON, atomically."""
    write_text(path, record.model_dump_json(indent=2) + "\n")


def read_record(path: Path, model: type[Model]) -> Model:
    """Read what `write_record` wrote.

    Raises FileNotFoundError when there is none, PtbLiteError when it cannot be read as `model`.
    """
    if path.stat().st_size > MAX_RECORD_BYTES:
        raise PtbLiteError("the file is too large to be a record", field=str(path))
    try:
        return model.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PtbLiteError(
            f"cannot be read: {where}: {first['msg']}",
            field=str(path),
            hint="The file is damaged or from another version of ptb-lite",
        ) from error
