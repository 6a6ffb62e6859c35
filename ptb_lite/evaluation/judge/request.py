"""What a judge is asked, and what it answered: the data that the judging room hands around."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ptb_lite.events import Record

MAX_KEPT = 8000


@dataclass(frozen=True)
class Request:
    """One question to a judge.

    `prompt` is the wording's name and version, `text` all that the judge reads. `read` takes the
    verdict out of an answer, None where it holds none; then `reminder` is what the judge is told.
    """

    prompt: str
    text: str
    reminder: str
    read: Callable[[str], str | None]


class Judgement(Record):
    """One verdict, as it is stored: a line of the store's file.

    `key` is the digest of everything in the request, so that nothing of a benchmark is kept here.
    `text` is the end of the judge's answer. `attempts` counts the answers that it took, and
    the tokens are those of all of them. `settings` were sent with the request.
    """

    version: Literal[1] = 1
    key: str
    model: str
    prompt: str
    verdict: str
    text: str
    attempts: int
    input_tokens: int
    output_tokens: int
    settings: dict[str, float]
    time: datetime


def request_key(request: Request, *, model: str, endpoint: str, answer_tokens: int) -> str:
    """What a judgement is stored under: it is reused for the same question to the same judge."""
    parts = {
        "format": 1,
        "model": model,
        "endpoint": endpoint.rstrip("/"),
        "answer_tokens": answer_tokens,
        "prompt": request.prompt,
        "text": request.text,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
