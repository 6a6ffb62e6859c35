"""How a run went over time, from its journal: phases, submissions, and the training's loss."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import (
    AgentEventKind,
    AgentSpoke,
    AgentStarted,
    Event,
    FlagRaised,
    PhaseFinished,
    PhaseStarted,
)
from ptb_lite.files import read_record
from ptb_lite.report.series import Point, Series
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalFollower
from ptb_lite.runs.records import Scores

_PIECE = 1 << 20
_MAX_SPANS = 100
_MAX_MARKS = 200
_CURVE_POINTS = 240
_BEYOND = 1e15


@dataclass(frozen=True)
class Span:
    """A phase at work: seconds after the run began."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True)
class Mark:
    """A moment: seconds after the run began. `kind` is submission, flag or end."""

    kind: str
    at: float
    text: str


@dataclass(frozen=True)
class RunTimeline:
    """`seconds` is the whole run; `curve` are (step, loss), each the mean of `per_point` steps."""

    seconds: float = 0.0
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()
    curve: tuple[Point, ...] = ()
    per_point: int = 1


def read_timeline(run: RunFolder) -> RunTimeline:
    """A run's timeline as far as its journal tells it; empty when it cannot be read."""
    builder = _Builder()
    follower = JournalFollower(run.journal)
    try:
        while True:
            for event in follower.poll(_PIECE):
                builder.take(event)
            if follower.at_end:
                return builder.timeline(_submissions(run))
    except OSError:
        return RunTimeline()


def _submissions(run: RunFolder) -> tuple[float, ...]:
    """Seconds after the agent began."""
    try:
        scores = read_record(run.scores, Scores)
    except (OSError, PtbLiteError, ValidationError):
        return ()
    return scores.time.submissions[:_MAX_MARKS]


class _Builder:
    def __init__(self) -> None:
        self._began: datetime | None = None
        self._seconds = 0.0
        self._open: dict[str, float] = {}
        self._spans: list[Span] = []
        self._flags: list[Mark] = []
        self._agent_at: float | None = None
        self._losses = Series(_CURVE_POINTS)
        self._last_step = 0.0

    def take(self, event: Event) -> None:
        time = event.time.replace(tzinfo=None)
        self._began = self._began or time
        at = max(0.0, (time - self._began).total_seconds())
        self._seconds = max(self._seconds, at)
        match event.payload:
            case PhaseStarted(phase=phase):
                self._open[phase.value] = at
            case PhaseFinished(phase=phase):
                begin = self._open.pop(phase.value, at)
                if len(self._spans) < _MAX_SPANS:
                    self._spans.append(Span(phase.value, begin, max(begin, at)))
            case AgentStarted():
                self._agent_at = at
            case FlagRaised(flag=flag) if len(self._flags) < _MAX_MARKS:
                self._flags.append(Mark("flag", at, f"{flag.detector}: {flag.kind}"))
            case AgentSpoke(event=said) if said.kind is AgentEventKind.TRAINING:
                self._trained(said.data)

    def timeline(self, submissions: tuple[float, ...]) -> RunTimeline:
        handed: tuple[Mark, ...] = ()
        if self._agent_at is not None:
            handed = tuple(
                Mark("submission", min(self._seconds, self._agent_at + after), "submitted")
                for after in submissions
            )
        still = [Span(name, begin, self._seconds) for name, begin in self._open.items()]
        return RunTimeline(
            seconds=self._seconds,
            spans=(*self._spans, *still),
            marks=(*handed, *self._flags),
            curve=self._losses.points(),
            per_point=self._losses.per_point,
        )

    def _trained(self, data: dict[str, float]) -> None:
        step, loss = data.get("step"), data.get("loss")
        if step is None or loss is None or not (abs(step) < _BEYOND and abs(loss) < _BEYOND):
            return
        if step < self._last_step:
            # Another training began: the last one is shown.
            self._losses = Series(_CURVE_POINTS)
        self._last_step = step
        self._losses.add(step, loss)
