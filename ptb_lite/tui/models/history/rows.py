"""All runs of a folder as rows: sorted, filtered, ranked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.runs.folder import RunFolder, list_runs
from ptb_lite.runs.records import Notes, Scores, Status, Success, SuccessCount
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import duration, one_line, percent, plural, visible

_Found = TypeVar("_Found")
Ranking = Literal["counted", "raw"]
UNREADABLE = "unreadable"
# Said by the run itself; "interrupted" may also mean that somebody is about to resume it.
_ENDED = {outcome.value for outcome in Outcome if outcome is not Outcome.INTERRUPTED}


@dataclass(frozen=True)
class HistoryRow:
    """One run; what cannot be read or was not scored is None. Scores lie in [0, 1].

    `agent_seconds` is what the agent used of its time, `n` how many test items were scored.
    """

    run_id: str
    path: Path
    state: str
    started: datetime | None = None
    model: str = "?"
    agent: str = "?"
    benchmarks: tuple[str, ...] = ()
    preset: str = ""
    budget_minutes: float | None = None
    agent_seconds: float | None = None
    n: int = 0
    few_shot: float | None = None
    raw: float | None = None
    counted: float | None = None
    verdict: str = ""
    no_score: str = ""
    success: Success | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def over_few_shot(self) -> float | None:
        """What the counted score is above prompting alone, in [-1, 1]."""
        if self.counted is None or self.few_shot is None or self.no_score:
            return None
        return self.counted - self.few_shot

    def searched(self) -> str:
        """Everything that a filter looks at."""
        parts = (self.run_id, self.name, self.state, self.model, self.agent, self.preset, self.note)
        success = self.success.told if self.success else ""
        told = (self.verdict, self.no_score, success, *self.tags, *self.benchmarks)
        return " ".join((*parts, *told)).lower()


@dataclass(frozen=True)
class Column:
    """A column of the history: its heading, what to sort by, and the cell's text."""

    id: str
    heading: str
    value: Callable[[HistoryRow], object]
    text: Callable[[HistoryRow], str]


def _counted(row: HistoryRow) -> float | None:
    """What a run is sorted by: one without a score comes after all that have one."""
    return None if row.no_score else row.counted


def _state_text(row: HistoryRow) -> str:
    """How it stands, and why there is no score where there is none."""
    why = row.no_score.removeprefix("No score: ")
    return f"{row.state}, {why}" if why else row.state


def _note_text(row: HistoryRow) -> str:
    return " ".join((*(f"#{tag}" for tag in row.tags), row.note)).strip()


def over_text(row: HistoryRow) -> str:
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
    row: HistoryRow


class HistoryReader:
    """Reads the runs of a folder again and again; of a run that has ended only what changed."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._ended: dict[Path, tuple[object, HistoryRow]] = {}

    def read(self) -> tuple[HistoryRow, ...]:
        """Every run, newest first. A damaged one is shown as such, never an error."""
        try:
            runs = list_runs(self._runs_dir)
        except OSError:
            return ()
        return tuple(self._row(run) for run in reversed(runs))

    def _row(self, run: RunFolder) -> HistoryRow:
        stamp = tuple(_changed(path) for path in (run.spec, run.status, run.scores, run.notes))
        known = self._ended.get(run.path)
        if known is not None and known[0] == stamp:
            return known[1]
        row = history_row(run)
        if row.state in _ENDED:
            self._ended[run.path] = (stamp, row)
        return row


def history_row(run: RunFolder) -> HistoryRow:
    """What can be read of one run."""
    spec = _or_none(run.read_spec)
    status = _or_none(run.read_status)
    scores = _or_none(run.read_scores)
    return _row(run, spec, status, scores, _or_none(run.read_notes) or Notes())


def end_words(path: Path) -> str:
    """How a run ended, on one line."""
    row = history_row(RunFolder(path))
    score = row.no_score or (f"counted {percent(row.counted)}" if row.counted is not None else "")
    parts = (f"{row.run_id} {row.state.replace('_', ' ')}", score, said(row.verdict))
    return ", ".join(part for part in parts if part not in ("", "-"))


def sort_rows(
    rows: Sequence[HistoryRow], column: Column, *, descending: bool
) -> tuple[HistoryRow, ...]:
    """By a column; runs without a value come last either way, equals stay in order."""
    known = [row for row in rows if column.value(row) is not None]
    unknown = [row for row in rows if column.value(row) is None]
    known.sort(key=column.value, reverse=descending)  # type: ignore[arg-type]
    return (*known, *unknown)


def filter_rows(rows: Sequence[HistoryRow], typed: str) -> tuple[HistoryRow, ...]:
    """The runs in which every word that was typed occurs somewhere."""
    words = typed.lower().split()
    return tuple(row for row in rows if all(word in row.searched() for word in words))


def rank_rows(rows: Sequence[HistoryRow], by: Ranking) -> tuple[RankedRow, ...]:
    """The leaderboard: scores compare only within one base model, benchmarks and item count.

    A run that submitted nothing counts as the base model, and takes no place.
    """
    groups: dict[str, list[HistoryRow]] = {}
    for row in rows:
        if getattr(row, by) is not None and not row.no_score:
            groups.setdefault(group_of(row), []).append(row)
    ranked: list[RankedRow] = []
    for name in sorted(groups):
        best = sorted(groups[name], key=lambda row: getattr(row, by), reverse=True)
        scores = [getattr(row, by) for row in best]
        # Equal scores share a place.
        ranked += [RankedRow(scores.index(getattr(row, by)) + 1, name, row) for row in best]
    return tuple(ranked)


def group_of(row: HistoryRow) -> str:
    """In words, what two runs must share for their scores to compare."""
    return f"{row.model}: {', '.join(row.benchmarks)} ({plural(row.n, 'item')})"


def marked_rows(rows: Sequence[HistoryRow], marked: Collection[str]) -> tuple[HistoryRow, ...]:
    """The rows whose run is marked, oldest first."""
    chosen = (row for row in rows if row.run_id in marked)
    return tuple(sorted(chosen, key=lambda row: row.run_id))


def count_success(rows: Sequence[HistoryRow]) -> str:
    """How many of the runs met what they declared, in words; empty where none declared anything."""
    return SuccessCount.of(row.success for row in rows if row.success).words


def said(verdict: str) -> str:
    """A verdict that stands out without any colour."""
    return verdict.upper() if verdict == "flagged" else verdict or "-"


def _row(
    run: RunFolder,
    spec: RunSpec | None,
    status: Status | None,
    scores: Scores | None,
    notes: Notes,
) -> HistoryRow:
    average = scores.average if scores else None
    return HistoryRow(
        run_id=run.run_id,
        path=run.path,
        state=_state(run, status),
        started=status.started if status else None,
        model=spec.model if spec else "?",
        agent=_agent(spec) if spec else "?",
        benchmarks=spec.benchmarks if spec else (),
        preset=(spec.preset or "") if spec else "",
        budget_minutes=spec.budget_minutes if spec else None,
        agent_seconds=scores.time.agent_seconds if scores else None,
        n=_items(scores) if scores else 0,
        few_shot=average.few_shot if average else None,
        raw=average.raw if average else None,
        counted=average.counted if average else None,
        verdict=scores.verdict.value if scores else "",
        no_score=scores.no_score if scores else "",
        success=scores.success if scores else None,
        name=visible(one_line(notes.name, 60)),
        tags=tuple(visible(one_line(tag, 40)) for tag in notes.tags),
        note=visible(one_line(notes.note, 300)),
    )


def _changed(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _agent(spec: RunSpec) -> str:
    return f"{spec.agent} {spec.agent_model}" if spec.agent_model else spec.agent


def _items(scores: Scores) -> int:
    found = (each.zero_shot or each.raw for each in scores.benchmarks)
    return sum(score.n for score in found if score is not None)


def _state(run: RunFolder, status: Status | None) -> str:
    if status is None:
        return UNREADABLE
    if status.state == "ended":
        return status.outcome.value if status.outcome else "ended"
    try:
        lives = run.runner_lives()
    except OSError:
        return UNREADABLE
    if lives:
        return f"running: {status.phase.value if status.phase else 'starting'}"
    return Outcome.INTERRUPTED.value


def _or_none(read: Callable[[], _Found]) -> _Found | None:
    try:
        return read()
    except (PtbLiteError, OSError):
        return None
