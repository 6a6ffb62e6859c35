"""Test items of a data set from a folder, for audits outside of a run.

Only the questions matter here, and the answers where they are as plainly named: this is no loader
for evaluations. Items come from `<folder>/<benchmark>/`, from every .jsonl, .json and .parquet file
that is not of another split; the usual names of columns are known.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ptb_lite.audit.evidence.folder import open_regular
from ptb_lite.audit.item import TestItem
from ptb_lite.errors import PtbLiteError

MAX_FILE_BYTES = 256 << 20
MAX_ITEMS = 200_000
QUESTIONS = ("question", "problem", "prompt", "Question", "instruction", "input", "text", "turns")
ANSWERS = (
    "target",
    "answer",
    "canonical_solution",
    "solution",
    "Correct Answer",
    "ground_truth",
    "output",
)
IDS = ("id", "task_id", "uid", "prompt_id", "question_id", "Record ID")
_MAX_ANSWERS, _MAX_ANSWER_TEXT = 500, 400_000
_LONG_WORDS = 12
_MAX_DEPTH = 6
_OTHER_SPLIT = re.compile(r"(^|[^a-z])(train|dev|valid(ation)?|answers?)([^a-z]|$)", re.IGNORECASE)


def read_benchmark(folder: Path, benchmark: str) -> tuple[TestItem, ...]:
    """The test items of a benchmark in `folder/<benchmark>/`, or `folder` itself.

    Raises PtbLiteError where there is no such folder, no file of items in it, or one that cannot be
    read.
    """
    own = folder / benchmark
    place = own if own.is_dir() else folder
    if not place.is_dir():
        raise PtbLiteError("is not a folder", field=str(folder))
    files = [
        path
        for path in sorted(place.iterdir())
        if path.suffix in {".jsonl", ".json", ".parquet"} and not _OTHER_SPLIT.search(path.stem)
    ]
    named = [path for path in files if "test" in path.stem.lower()]
    items = tuple(item for path in named or files for item in read_item_file(path, benchmark))
    if not items:
        raise PtbLiteError(
            f"holds no test items of {benchmark}",
            field=str(place),
            hint="Expected .jsonl, .json or .parquet files with a column "
            + ", ".join(QUESTIONS[:3]),
        )
    return items


def read_item_file(path: Path, benchmark: str) -> tuple[TestItem, ...]:
    """The items of one file. Raises PtbLiteError naming what is wrong."""
    items: list[TestItem] = []
    for number, row in enumerate(_rows(path), start=1):
        if len(items) >= MAX_ITEMS:
            raise PtbLiteError(f"holds more than {MAX_ITEMS:,} items", field=str(path))
        question = _first(row, QUESTIONS)
        if question:
            name = _first(row, IDS) or f"{path.stem}-{number}"
            target = _first(row, ANSWERS)
            items.append(item_of(name, question, target, benchmark, row))
    return tuple(items)


def item_of(
    name: str, question: str, target: str, benchmark: str, more: Mapping[str, Any]
) -> TestItem:
    """An item with the long texts that `more` holds of it: solutions, ideal answers, rubrics."""
    return TestItem(name, question, target, benchmark, _long_texts(more, question, target))


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        if path.suffix == ".parquet":
            yield from _parquet(path)
            return
        with open_regular(path.resolve()) as stream:
            raw = stream.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise PtbLiteError(f"is larger than {MAX_FILE_BYTES >> 20} MiB", field=str(path))
        found = json.loads(raw) if path.suffix == ".json" else _lines(raw)
    except (OSError, ValueError, RecursionError) as error:
        raise PtbLiteError(f"cannot be read: {error}", field=str(path)) from error
    rows = found.values() if isinstance(found, dict) else found
    yield from (row for row in rows if isinstance(row, dict))


def _lines(raw: bytes) -> list[Any]:
    # Not splitlines(): a text may hold U+2028, which JSON does not escape.
    return [json.loads(line) for line in raw.decode("utf-8").split("\n") if line.strip()]


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(1024):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise PtbLiteError(f"cannot be read: {str(error)[:200]}", field=str(path)) from error


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        text = _text(row.get(name))
        if text:
            return text
    return ""


def _long_texts(row: Mapping[str, Any], question: str, target: str) -> tuple[str, ...]:
    """The other texts of an item that nobody writes by chance, and the turns of a conversation."""
    found: dict[str, None] = {}
    pending: deque[tuple[Any, int]] = deque((value, 0) for value in row.values())
    room = _MAX_ANSWER_TEXT
    while pending and len(found) < _MAX_ANSWERS and room > 0:
        value, depth = pending.popleft()
        if isinstance(value, str):
            if value not in (question, target) and len(value.split()) >= _LONG_WORDS:
                found[value] = None
                room -= len(value)
        elif depth < _MAX_DEPTH and isinstance(value, dict):
            pending += [(inner, depth + 1) for inner in value.values()]
        elif depth < _MAX_DEPTH and isinstance(value, list):
            pending += [(inner, depth + 1) for inner in value[:200]]
    return tuple(found)


def _text(value: object) -> str:
    """A text, a number, or the texts of a conversation."""
    match value:
        case str():
            return value
        case bool() | None:
            return ""
        case int() | float():
            return str(value)
        case list():
            return "\n".join(text for text in map(_text, value) if text)
        case dict():
            return _text(value.get("content"))
        case _:
            return ""
