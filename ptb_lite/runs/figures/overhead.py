"""What a run costs beside its work: wall time not spent in the agent, in generation or judging.

Training is the agent's, so it is part of the agent's time. All else counts, by phase: starting
processes, importing libraries, loading a model, hashing, copying, the audit, the report, and under
`BETWEEN` what lies before the first phase and between phases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ptb_lite.events import (
    AgentEnded,
    AgentStarted,
    EvaluationFinished,
    EvaluationProgressed,
    Event,
    JudgeVoteCounted,
    Phase,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunResumed,
    RunStarted,
)
from ptb_lite.runs.journal import JournalFollower

BETWEEN = "between phases"
_PIECE = 1 << 20
_JUDGED = ", judged"

Span = tuple[float, float]


@dataclass(frozen=True)
class Overhead:
    """`harness` is seconds by phase without the work, `work` the agent's, generation's and judge's.

    The time between a runner's death and its resumption is in neither.
    """

    harness: Mapping[str, float]
    work: Mapping[str, float]

    @property
    def seconds(self) -> float:
        return sum(self.harness.values())

    @property
    def wall_seconds(self) -> float:
        return self.seconds + sum(self.work.values())

    @property
    def share(self) -> float:
        """Of the wall time, in [0, 1]; 0 for a run that has not begun."""
        return self.seconds / self.wall_seconds if self.wall_seconds > 0 else 0.0


def overhead(events: Iterable[Event], launched: datetime | None = None) -> Overhead:
    """Of a run's events in their order; a run that still goes on is told as far as it went.

    `launched` is when a person started it: until the first event its runner comes up.
    """
    fold = _Fold(launched)
    for event in events:
        fold.hear(event)
    return fold.result()


def read_overhead(journal: Path, launched: datetime | None = None) -> Overhead:
    """The same from a journal, read piece by piece. Raises OSError when it cannot be read."""
    fold, follower = _Fold(launched), JournalFollower(journal)
    while True:
        for event in follower.poll(_PIECE):
            fold.hear(event)
        if follower.at_end:
            return fold.result()


@dataclass
class _Attempt:
    """One phase from its start to its end, or to the death of its runner; times in seconds."""

    phase: Phase
    began: float
    work: list[Span] = field(default_factory=list)
    agent_at: float | None = None
    last_evaluated: float | None = None


class _Fold:
    def __init__(self, launched: datetime | None) -> None:
        self._mark = launched.timestamp() if launched else None
        self._last = self._mark or 0.0
        self._attempt: _Attempt | None = None
        self._harness: dict[str, float] = {}
        self._work: dict[str, float] = {}

    def hear(self, event: Event) -> None:
        # Of runs before version 0.3, in which somebody set the clock: time never goes back.
        now = max(event.time.timestamp(), self._last)
        match event.payload:
            case RunResumed():
                # Nobody worked since the last event: that gap is no harness time.
                self._close(self._last)
                self._mark = now
            case PhaseStarted(phase=phase):
                self._close(self._last)
                self._outside(now)
                self._attempt = _Attempt(phase, now)
            case PhaseFinished():
                self._close(now)
            case RunStarted() | RunFinished():
                self._close(self._last)
                self._outside(now)
            case payload if self._attempt is not None:
                _note(self._attempt, payload, now)
            case _:
                pass
        self._last = max(self._last, now)

    def result(self) -> Overhead:
        harness, work = dict(self._harness), dict(self._work)
        if self._attempt is not None:
            _add(harness, work, self._attempt, self._last)
        return Overhead(harness, work)

    def _close(self, end: float) -> None:
        if self._attempt is not None:
            _add(self._harness, self._work, self._attempt, end)
            self._attempt = None
            self._mark = end

    def _outside(self, now: float) -> None:
        if self._mark is not None:
            between = self._harness.get(BETWEEN, 0.0) + max(0.0, now - self._mark)
            self._harness[BETWEEN] = between
        self._mark = now


def _note(attempt: _Attempt, payload: object, now: float) -> None:
    """What a phase's event says of its work."""
    match payload:
        case AgentStarted():
            attempt.agent_at = now
        case AgentEnded(seconds=seconds) if attempt.agent_at is not None:
            attempt.work.append((attempt.agent_at, min(now, attempt.agent_at + seconds)))
            attempt.agent_at = None
        case EvaluationProgressed(label=label):
            before = attempt.last_evaluated
            if label.endswith(_JUDGED) and before is not None:
                attempt.work.append((before, now))
            attempt.last_evaluated = now
        case JudgeVoteCounted(seconds=seconds):
            attempt.work.append((now - seconds, now))
        case EvaluationFinished(seconds=seconds, from_cache=None):
            attempt.work.append((now - seconds, now))
            attempt.last_evaluated = now


def _add(harness: dict[str, float], work: dict[str, float], attempt: _Attempt, end: float) -> None:
    spans = list(attempt.work)
    if attempt.agent_at is not None:
        # Its runner died, or it is still at work.
        spans.append((attempt.agent_at, end))
    whole = max(0.0, end - attempt.began)
    worked = min(whole, _covered(spans, attempt.began, end))
    name = attempt.phase.value
    harness[name] = harness.get(name, 0.0) + whole - worked
    work[name] = work.get(name, 0.0) + worked


def _covered(spans: Iterable[Span], low: float, high: float) -> float:
    """How much of [low, high] the spans cover; what two of them share counts once."""
    covered, reached = 0.0, low
    for begin, end in sorted(spans):
        begin, end = max(begin, reached), min(end, high)
        if end > begin:
            covered += end - begin
            reached = end
    return covered
