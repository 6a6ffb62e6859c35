"""The rows of the table: every figure of a session, and every benchmark that has none, with why."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Literal

from bench.figures import Figure
from ptb_lite.events import Record

FAILED = "failed"
NOT_MEASURED = "not measured"


class Ended(Record):
    """How one benchmark ended; None: it did not, its process was cut off.

    `others` is the share of the CPUs' time, in [0, 1], that programs other than the
    benchmark's own used meanwhile: above a few per cent its seconds are too long.
    """

    test: str
    outcome: Literal["passed", "failed", "skipped"] | None = None
    reason: str = ""
    seconds: float = 0.0
    others: float = 0.0


class Row(Record):
    """One row: a figure, or the reason why there is none, and when and beside what it was measured.

    `state` is met or missed (of a target), failed (measured, but a check of the same benchmark
    did not hold), not measured, or empty: no target was set.
    """

    test: str
    what: str
    figure: Figure | None = None
    state: str = ""
    reason: str = ""
    measured: date | None = None
    others: float | None = None


def session_rows(
    outcomes: Iterable[Ended], published: Iterable[tuple[str, Figure]], measured: date
) -> tuple[Row, ...]:
    """The rows of one session, in the order in which the benchmarks were collected."""
    figures: dict[str, list[Figure]] = {}
    for test, figure in published:
        figures.setdefault(test, []).append(figure)
    ends: dict[str, Ended] = {}
    for ended in outcomes:
        ends[ended.test] = ended
    rows: list[Row] = []
    for test, ended in ends.items():
        found = figures.pop(test, [])
        rows += [_measured(figure, ended, measured) for figure in found]
        if not found:
            rows.append(Row(test=test, what=_name(test), state=NOT_MEASURED, reason=_why(ended)))
    return tuple(rows)


def failed_to_run(outcomes: Iterable[Ended]) -> tuple[str, ...]:
    """The benchmarks that failed or were cut off; a skipped one said why and is no failure."""
    ends = {ended.test: ended for ended in outcomes}
    return tuple(test for test, ended in ends.items() if ended.outcome in (None, "failed"))


def read_outcomes(path: Path) -> tuple[Ended, ...]:
    """What the recorder wrote; empty where pytest did not get so far."""
    return tuple(Ended.model_validate_json(line) for line in _lines(path))


def read_published(path: Path) -> tuple[tuple[str, Figure], ...]:
    """What was published, as pairs of the test that measured it and the figure."""
    names = {field.name for field in dataclasses.fields(Figure)}
    found = [json.loads(line) for line in _lines(path)]
    return tuple(
        (line["test"], Figure(**{name: line[name] for name in names & line.keys()}))
        for line in found
    )


def _measured(figure: Figure, ended: Ended, measured: date) -> Row:
    state = {True: "met", False: "missed", None: ""}[figure.met]
    failed = ended.outcome != "passed"
    return Row(
        test=ended.test,
        what=figure.what,
        figure=figure,
        state=FAILED if failed else state,
        reason=_why(ended) if failed else "",
        measured=measured,
        others=ended.others,
    )


def _why(ended: Ended) -> str:
    match ended.outcome:
        case None:
            return "it was cut off before its end"
        case "passed":
            return "it published no figure"
        case "skipped":
            return f"skipped: {ended.reason.removeprefix('Skipped: ')}"
        case _:
            return ended.reason or "it failed"


def _name(test: str) -> str:
    """A test's name as words, after that of its file."""
    file, _, name = test.partition("::")
    stem = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    words = name.removeprefix("test_").replace("_", " ")
    return f"{stem.replace('_', ' ')}: {words}" if words else stem.replace("_", " ")


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
