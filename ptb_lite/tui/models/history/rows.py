"""All runs of a folder as rows: sorted, filtered, ranked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import SuccessCount
from ptb_lite.runs.summary import RunSummary, summarise_run
from ptb_lite.text import duration, percent, plural

Ranking = Literal["counted", "raw"]


@dataclass(frozen=True)
class Column:
    """A column of the history: its heading, what to sort by, and the cell's text."""

    id: str
    heading: str
    value: Callable[[RunSummary], object]
    text: Callable[[RunSummary], str]


def _counted(row: RunSummary) -> float | None:
    """What a run is sorted by: one without a score comes after all that have one."""
    return None if row.no_score else row.counted


def _state_text(row: RunSummary) -> str:
    """How it stands, and why there is no score where there is none."""
    why = row.no_score.removeprefix("No score: ")
    return f"{row.state}, {why}" if why else row.state


def _note_text(row: RunSummary) -> str:
    return " ".join((*(f"#{tag}" for tag in row.tags), row.note)).strip()


def over_text(row: RunSummary) -> str:
    """Points over few-shot, with their sign."""
    return "-" if row.over_few_shot is None else f"{100 * row.over_few_shot:+.1f}"


# The run and its score stand fixed at the left; what lies to the right may be scrolled to.
COLUMNS: tuple[Column, ...] = (
    Column("run", "RUN", lambda row: row.run_id, lambda row: row.run_id),
    Column(
        "counted",
        "COUNTED",
        _counted,
        lambda row: "No score" if row.no_score else percent(row.counted),
    ),
    Column("over", "OVER FEW", lambda row: row.over_few_shot, over_text),
    Column("n", "N", lambda row: row.n or None, lambda row: str(row.n or "-")),
    Column("verdict", "VERDICT", lambda row: row.verdict or None, lambda row: said(row.verdict)),
    Column("state", "STATE", lambda row: row.state, _state_text),
    Column(
        "success",
        "SUCCESS",
        lambda row: row.success.told if row.success else None,
        lambda row: row.success.short if row.success else "-",
    ),
    Column("name", "NAME", lambda row: row.name or None, lambda row: row.name or "-"),
    Column("note", "NOTE", lambda row: _note_text(row) or None, lambda row: _note_text(row) or "-"),
    Column("agent", "AGENT", lambda row: row.agent, lambda row: row.agent),
    Column("model", "MODEL", lambda row: row.model, lambda row: row.model),
    Column(
        "date",
        "DATE",
        lambda row: row.started,
        lambda row: f"{row.started.astimezone():%Y-%m-%d %H:%M}" if row.started else "-",
    ),
    Column("raw", "RAW", lambda row: row.raw, lambda row: percent(row.raw)),
    Column("few", "FEW-SHOT", lambda row: row.few_shot, lambda row: percent(row.few_shot)),
    Column(
        "time",
        "AGENT'S TIME",
        lambda row: row.agent_seconds,
        lambda row: "-" if row.agent_seconds is None else duration(row.agent_seconds),
    ),
    Column(
        "benchmarks",
        "BENCHMARKS",
        lambda row: row.benchmarks,
        lambda row: ", ".join(row.benchmarks) or "-",
    ),
)


@dataclass(frozen=True)
class RankedRow:
    """A run's place among those with the same base model, benchmarks and number of items."""

    place: int
    group: str
    row: RunSummary


def end_words(path: Path) -> str:
    """How a run ended, on one line."""
    row = summarise_run(RunFolder(path))
    score = row.no_score or (f"counted {percent(row.counted)}" if row.counted is not None else "")
    parts = (f"{row.run_id} {row.state.replace('_', ' ')}", score, said(row.verdict))
    return ", ".join(part for part in parts if part not in ("", "-"))


def sort_rows(
    rows: Sequence[RunSummary], column: Column, *, descending: bool
) -> tuple[RunSummary, ...]:
    """By a column; runs without a value come last either way, equals stay in order."""
    known = [row for row in rows if column.value(row) is not None]
    unknown = [row for row in rows if column.value(row) is None]
    known.sort(key=column.value, reverse=descending)  # type: ignore[arg-type]
    return (*known, *unknown)


def filter_rows(rows: Sequence[RunSummary], typed: str) -> tuple[RunSummary, ...]:
    """The runs in which every word that was typed occurs somewhere."""
    words = typed.lower().split()
    return tuple(row for row in rows if all(word in row.searched() for word in words))


def rank_rows(rows: Sequence[RunSummary], by: Ranking) -> tuple[RankedRow, ...]:
    """The leaderboard: scores compare only within one base model, benchmarks and item count.

    A run that submitted nothing counts as the base model, one that was interrupted in its agent's
    time had less of it than the others: neither takes a place.
    """
    groups: dict[str, list[RunSummary]] = {}
    for row in rows:
        if getattr(row, by) is not None and row.ranked:
            groups.setdefault(group_of(row), []).append(row)
    ranked: list[RankedRow] = []
    for name in sorted(groups):
        best = sorted(groups[name], key=lambda row: getattr(row, by), reverse=True)
        scores = [getattr(row, by) for row in best]
        # Equal scores share a place.
        ranked += [RankedRow(scores.index(getattr(row, by)) + 1, name, row) for row in best]
    return tuple(ranked)


def group_of(row: RunSummary) -> str:
    """In words, what two runs must share for their scores to compare."""
    return f"{row.model}: {', '.join(row.benchmarks)} ({plural(row.n, 'item')})"


def marked_rows(rows: Sequence[RunSummary], marked: Collection[str]) -> tuple[RunSummary, ...]:
    """The rows whose run is marked, oldest first."""
    chosen = (row for row in rows if row.run_id in marked)
    return tuple(sorted(chosen, key=lambda row: row.run_id))


def count_success(rows: Sequence[RunSummary]) -> str:
    """How many of the runs met what they declared, in words; empty where none declared anything."""
    return SuccessCount.of(row.success for row in rows if row.success).words


def said(verdict: str) -> str:
    """A verdict that stands out without any colour."""
    return verdict.upper() if verdict == "flagged" else verdict or "-"
