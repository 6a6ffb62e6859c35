"""Judgements that were paid for once: an append-only file, safe against kills and races."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from pydantic import ValidationError

from ptb_lite.evaluation.judge.request import Judgement
from ptb_lite.locks import waiting_lock

MAX_STORE_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 20


class JudgementStore:
    """The judgements of one file by their key. Many threads and processes may add at once.

    A line that is no judgement (a write cut short by a kill) is passed over, and asked for again.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError when the folder cannot be made or the file not be read."""
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, Judgement] = {}
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._read()

    def find(self, key: str) -> Judgement | None:
        return self._known.get(key)

    def add(self, judgement: Judgement) -> None:
        """Keep it on disk before anybody uses it. Raises OSError when that cannot be done."""
        line = judgement.model_dump_json().encode() + b"\n"
        with self._lock, waiting_lock(self._path.with_suffix(".lock")):
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(handle).st_size
                if size and os.pread(handle, 1, size - 1) != b"\n":
                    line = b"\n" + line
                written = 0
                while written < len(line):
                    written += os.write(handle, line[written:])
                os.fsync(handle)
            finally:
                os.close(handle)
            self._known.setdefault(judgement.key, judgement)

    def _read(self) -> None:
        try:
            stream = self._path.open("rb")
        except FileNotFoundError:
            return
        with stream:
            left = MAX_STORE_BYTES
            while left > 0 and (line := stream.readline(MAX_LINE_BYTES)):
                left -= len(line)
                try:
                    judgement = Judgement.model_validate_json(line)
                except ValidationError:
                    continue
                self._known.setdefault(judgement.key, judgement)


def store_path(cache: Path, model: str, endpoint: str) -> Path:
    """One file for each judge, so that none grows with the others."""
    name = hashlib.sha256(f"{model}\0{endpoint.rstrip('/')}".encode()).hexdigest()[:16]
    return cache / "judgements" / f"{name}.jsonl"
