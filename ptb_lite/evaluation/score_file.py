"""Score stored completions: no model, no torch, the same judging as in a run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import Field, JsonValue

from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.evaluation.benchmark import find_benchmark, judge_all
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.dataset import ROW, test_and_train_items
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.items.splits import draw_splits
from ptb_lite.events import Record

MAX_BYTES = 1 << 30
_FORM = 'One line of JSON each: {"id": "…", "completion": "…"}; - is standard input'
_IDS = ("id", "item_id", "task_id")


class ScoredLine(Record):
    """One completion judged. `score` is None where a judge is needed; `also` by other rules."""

    id: str
    score: float | None
    extracted: str | None
    also: dict[str, float] = Field(default_factory=dict)


def known_items(
    entry: BenchmarkEntry, *, items: Path | None, data_dir: Path | None, seed: int, salt: str
) -> Mapping[str, Item]:
    """The items that completions may be of, by id.

    Those of `items` (a run's own file) where it is given; else those of the dataset, also by row
    number of its test table, or those that a run with `seed` draws. Raises ItemsError.
    """
    if items is not None:
        return {item.id: item for item in read_items(items)}
    if entry.kind == "procedural":
        splits = draw_splits(entry, seed=seed, salt=salt)
        return {item.id: item for split in splits.values() for item in split}
    test, train = test_and_train_items(entry, data_dir)
    by_row = {str(item.metadata[ROW]): item for item in test}
    return {**by_row, **{item.id: item for item in (*train, *test)}}


def score_lines(
    entry: BenchmarkEntry, lines: Iterable[str], items: Mapping[str, Item], source: str
) -> tuple[ScoredLine, ...]:
    """Judge JSON lines with `id` (or `item_id`, as in a run's samples, or `task_id`, as HumanEval's
    own) and `completion`.

    Raises ItemsError naming the line that is no such object or whose id is unknown.
    """
    answers = [(name, items[name], text) for name, text in _read(lines, items, source)]
    judged = judge_all(
        find_benchmark(entry.id, entry.kind), [(item, text) for _, item, text in answers]
    )
    return tuple(
        ScoredLine(id=name, score=found.score, extracted=found.extracted, also=dict(found.also))
        for (name, _, _), found in zip(answers, judged, strict=True)
    )


def read_lines(path: Path) -> list[str]:
    """The lines of a file of completions. Raises ItemsError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ItemsError("is larger than 1 GiB", field=str(path))
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise ItemsError(
            f"cannot be read: {error.strerror}", field=str(path), hint=_FORM
        ) from error
    except UnicodeDecodeError as error:
        raise ItemsError("is not UTF-8 text", field=str(path)) from error


def _read(
    lines: Iterable[str], items: Mapping[str, Item], source: str
) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found: JsonValue = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ItemsError(f"line {number} is not JSON", field=source, hint=_FORM) from error
        name = (
            next((found[key] for key in _IDS if key in found), None)
            if isinstance(found, dict)
            else None
        )
        text = found.get("completion") if isinstance(found, dict) else None
        if isinstance(name, bool) or not isinstance(name, str | int) or not isinstance(text, str):
            raise ItemsError(
                f"line {number} is not an object with an id and a text completion",
                field=source,
                hint=_FORM,
            )
        if str(name) not in items:
            raise ItemsError(
                f"line {number}: there is no item {str(name)[:80]!r}",
                field=source,
                hint="An id is that of a run's samples, or a row number of the dataset from 0",
            )
        yield str(name), text
