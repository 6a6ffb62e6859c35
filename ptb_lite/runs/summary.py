"""A run on one line: what lists, History and the index say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Notes, Scores, Status, Success
from ptb_lite.runs.reported import read_reported
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import one_line, visible

_Found = TypeVar("_Found")
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class RunSummary:
    """One run; what cannot be read or was not scored is None. Scores lie in [0, 1].

    `agent` is the backend with its model, `agent_seconds` what it used of its time, `n` how many
    test items were scored. `ended` says that nothing of it changes by itself any more.
    """

    run_id: str
    folder: str
    state: str
    ended: bool = False
    interrupted: bool = False
    """That the agent's time was cut short, by a runner that died or by who ended it: no comparison
    with others."""
    started: datetime | None = None
    model: str = "?"
    agent: str = "?"
    backend: str = "?"
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
    outcome: str = ""
    success: Success | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    source: str = ""
    """The harness that it was made in; empty: this one. Then nothing of it was scored here."""
    reported: float | None = None
    """What that harness says of it, in [0, 1]: never among scores of ours."""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def over_few_shot(self) -> float | None:
        """What the counted score is above prompting alone, in [-1, 1]."""
        if self.counted is None or self.few_shot is None or self.no_score:
            return None
        return self.counted - self.few_shot

    @property
    def ranked(self) -> bool:
        """Whether its scores may stand among others'."""
        return not self.no_score and not self.interrupted

    def searched(self) -> str:
        """Everything that a filter looks at."""
        parts = (self.run_id, self.name, self.state, self.model, self.agent, self.preset, self.note)
        success = self.success.told if self.success else ""
        told = (self.verdict, self.no_score, success, *self.tags, *self.benchmarks)
        return " ".join((*parts, *told)).lower()


def summarise_run(run: RunFolder) -> RunSummary:
    """What can be read of one run. A damaged one is shown as such, never an error."""
    spec = _or_none(run.read_spec)
    status = _or_none(run.read_status)
    scores = _or_none(run.read_scores)
    notes = (_or_none(run.read_notes) if run.notes.exists() else None) or Notes()
    average = scores.average if scores else None
    reported = read_reported(run)
    return RunSummary(
        run_id=run.run_id,
        folder=str(run.path),
        state=reported.state if reported else run_state(run, status),
        ended=status is not None and status.state == "ended",
        interrupted=_interrupted(status, scores),
        started=status.started if status else None,
        model=spec.model if spec else "?",
        agent=_agent(spec) if spec else "?",
        backend=spec.agent if spec else "?",
        benchmarks=spec.benchmarks if spec else (),
        preset=(spec.preset or "") if spec else "",
        budget_minutes=spec.budget_minutes if spec else None,
        agent_seconds=scores.time.agent_seconds if scores else reported and reported.agent_seconds,
        n=_items(scores) if scores else 0,
        few_shot=average.few_shot if average else None,
        raw=average.raw if average else None,
        counted=average.counted if average else None,
        verdict=scores.verdict.value if scores else "",
        no_score=scores.no_score if scores else "",
        outcome=scores.outcome if scores else "",
        success=scores.success if scores else None,
        name=visible(one_line(notes.name or (spec and spec.name) or "", 60)),
        tags=tuple(visible(one_line(tag, 40)) for tag in notes.tags),
        note=visible(one_line(notes.note, 300)),
        source=one_line(reported.source, 60) if reported else "",
        reported=reported.score if reported else None,
    )


def run_state(run: RunFolder, status: Status | None) -> str:
    """How a run stands, in a word: its outcome, or that it is running, queued, interrupted,
    unreadable."""
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
    if status.phase is None and status.job:
        # Nobody has begun it: its job waits. Whether it still does is the scheduler's to say.
        return "queued"
    return Outcome.INTERRUPTED.value


def cut_short(scores: Scores) -> bool:
    """Whether the agent had less than its time by no doing of its own: its runner died, or a person
    or a scheduler ended it. Such a run is compared with no other."""
    return scores.time.agent_outcome in (Outcome.INTERRUPTED, Outcome.STOPPED)


def _interrupted(status: Status | None, scores: Scores | None) -> bool:
    # Told by the agent's outcome, too: runs of before 2027 stand as finished.
    ended = status is not None and status.outcome is Outcome.INTERRUPTED
    return ended or (scores is not None and cut_short(scores))


def _agent(spec: RunSpec) -> str:
    return f"{spec.agent} {spec.agent_model}" if spec.agent_model else spec.agent


def _items(scores: Scores) -> int:
    found = (each.zero_shot or each.raw for each in scores.benchmarks)
    return sum(score.n for score in found if score is not None)


def _or_none(read: Callable[[], _Found]) -> _Found | None:
    try:
        return read()
    except (PtbLiteError, OSError):
        return None
