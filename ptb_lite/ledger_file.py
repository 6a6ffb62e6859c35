"""The file in a workspace to which `ptb-lite-train` and evaluate.py append what they do.

The agent can write it, too: the host reads it bounded, validated and cross-checked with what it saw
itself, and takes no score from it. Where no ledger is named, nothing is written.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from ptb_lite.files import file_sha256
from ptb_lite.ledger_notes import LEDGER, LedgerNote, LedgerPayload

NAME = ".ptb-lite-ledger.jsonl"
VARIABLE = "PTB_LITE_LEDGER"
MAX_LINE = 64 * 1024
WEIGHTS = "adapter_model.safetensors"


def new_use() -> str:
    """Names one process's notes."""
    return secrets.token_hex(6)


def append(note: LedgerNote) -> None:
    """Add one line, whole. A ledger that cannot be written is no reason to end what it is about."""
    name = os.environ.get(VARIABLE, "")
    if not name:
        return
    line = note.model_dump_json(exclude={"seconds", "process_seen"}).encode() + b"\n"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with suppress(OSError):
        handle = os.open(name, flags, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)


def parse(line: bytes) -> LedgerPayload | None:
    """One line of a ledger; None for anything that is no note."""
    if len(line) > MAX_LINE:
        return None
    try:
        return LEDGER.validate_json(line)
    except (ValidationError, ValueError, RecursionError):
        return None


def adapter_hash(folder: Path) -> str:
    """The SHA-256 of a folder's adapter weights; empty where there are none."""
    try:
        return file_sha256(folder / WEIGHTS)
    except OSError:
        return ""
