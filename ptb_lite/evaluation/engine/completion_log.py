"""Completions kept as they come, so that an evaluation that was killed goes on from there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

MAX_KEPT_BYTES = 1 << 30


class StoredCompletions:
    """The completions of one task by the digest of their prompt.

    A file of lines: the task's key, then one object a batch. What another key or a torn line holds
    is not used. Writing one batch a line keeps the batches of a continued run those of one that was
    never killed.
    """

    def __init__(self, path: Path, key: str) -> None:
        """Raises OSError when the folder cannot be written."""
        self._path = path
        self._known: dict[str, str] = {}
        self._known = _read(path, key)
        if not self._known:
            path.write_text(json.dumps({"key": key}) + "\n", encoding="utf-8")

    def __len__(self) -> int:
        return len(self._known)

    def find(self, prompt: str) -> str | None:
        return self._known.get(_digest(prompt))

    def add(self, completions: Mapping[str, str]) -> None:
        """Keep the completions of one batch, by prompt, on disk. Raises OSError."""
        if not completions:
            return
        batch = {_digest(prompt): text for prompt, text in completions.items()}
        with self._path.open("ab") as file:
            if not _ends_a_line(self._path):
                file.write(b"\n")
            file.write(json.dumps(batch).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._known |= batch

    def discard(self) -> None:
        """The task has its result: the next time, it is measured again."""
        self._path.unlink(missing_ok=True)


def _read(path: Path, key: str) -> dict[str, str]:
    try:
        if path.stat().st_size > MAX_KEPT_BYTES:
            return {}
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    known: dict[str, str] = {}
    head, *batches = (_object(line) for line in lines)
    if head.get("key") != key:
        return {}
    for batch in batches:
        known |= {name: text for name, text in batch.items() if isinstance(text, str)}
    return known


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _digest(prompt: str) -> str:
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
