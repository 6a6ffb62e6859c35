"""Training examples from JSON lines, one `{"prompt": ..., "completion": ...}` a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptb_lite.training.config import TrainingError

# A line longer than this is no training example of any model that ptb-lite knows.
LINE_BYTES = 4_000_000
FILE_BYTES = 4_000_000_000


@dataclass(frozen=True)
class Example:
    """A prompt and what the model should answer; the loss counts the completion only."""

    prompt: str
    completion: str


def read_examples(path: Path) -> tuple[Example, ...]:
    """All examples of a file, blank lines skipped.

    Raises TrainingError that names the line when one is not such an object, and when there is none.
    """
    try:
        if path.stat().st_size > FILE_BYTES:
            raise TrainingError(f"{path} is larger than {FILE_BYTES // 10**9} GB", field="--data")
        examples = _read_lines(path)
    except OSError as error:
        raise TrainingError(f"cannot read {path}: {error.strerror}", field="--data") from error
    if not examples:
        raise TrainingError(
            f"{path} holds no example",
            field="--data",
            hint='Write one {"prompt": "...", "completion": "..."} a line',
        )
    return tuple(examples)


def _read_lines(path: Path) -> list[Example]:
    examples = []
    with path.open("rb") as file:
        for number in range(1, FILE_BYTES):
            line = file.readline(LINE_BYTES)
            if not line:
                break
            if len(line) == LINE_BYTES:
                raise _bad(path, number, f"is longer than {LINE_BYTES} bytes")
            if line.strip():
                examples.append(_parse(path, number, line))
    return examples


def _parse(path: Path, number: int, line: bytes) -> Example:
    try:
        value: Any = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise _bad(path, number, "is not UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise _bad(path, number, f"is not JSON: {reason}") from None
    if not isinstance(value, dict):
        raise _bad(path, number, "is not a JSON object")
    for key in ("prompt", "completion"):
        if not isinstance(value.get(key), str):
            raise _bad(path, number, f'has no text "{key}"')
    if not value["completion"].strip():
        raise _bad(path, number, 'has an empty "completion"')
    return Example(prompt=value["prompt"], completion=value["completion"])


def _bad(path: Path, number: int, what: str) -> TrainingError:
    return TrainingError(
        f"line {number} of {path} {what}",
        field="--data",
        hint='A line is {"prompt": "...", "completion": "..."}',
    )
