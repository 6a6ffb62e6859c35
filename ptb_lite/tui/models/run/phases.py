"""Where a run is: its phases, how far each is, and how long it may still take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ptb_lite.events import (
    EvaluationFinished,
    EvaluationProgressed,
    JudgeVoteAsked,
    JudgeVoteCounted,
    Outcome,
    Phase,
    PhaseFinished,
    PreparationProgressed,
)
from ptb_lite.narrate import event_words, votes_counted, votes_words

# Below this share a guess of the time left says more about the start than about the rest.
_ENOUGH = 0.05
# Zero-shot and few-shot, each on every target.
_BASELINE_TASKS = 2


class PhaseState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True)
class PhaseView:
    """One phase. `fraction` in [0, 1] is what is done of it, None where nobody can say.

    `label` says what it is at; `deadline` is the agent's.
    """

    phase: Phase
    state: PhaseState = PhaseState.WAITING
    began: datetime | None = None
    seconds: float | None = None
    outcome: Outcome | None = None
    detail: str = ""
    label: str = ""
    fraction: float | None = None
    deadline: datetime | None = None

    def elapsed(self, now: datetime) -> float:
        """Seconds so far, or in all."""
        if self.seconds is not None:
            return self.seconds
        return max(0.0, (now - self.began).total_seconds()) if self.began else 0.0

    def done(self, now: datetime) -> float | None:
        """What is done of it, in [0, 1]; of the agent's phase the part of its time."""
        if self.state is PhaseState.ENDED:
            return 1.0
        if self.deadline is not None and self.began is not None:
            whole = (self.deadline - self.began).total_seconds()
            return min(1.0, self.elapsed(now) / whole) if whole > 0 else 1.0
        return self.fraction

    def left(self, now: datetime) -> float | None:
        """Seconds that it may still take, None where nothing says."""
        if self.state is not PhaseState.RUNNING:
            return None
        if self.deadline is not None:
            return max(0.0, (self.deadline - now).total_seconds())
        if self.fraction is None or self.fraction < _ENOUGH:
            return None
        return self.elapsed(now) * (1 - self.fraction) / self.fraction


class PhaseStrip:
    """The phases of one run, as its events change them. `benchmarks` are the targets that it
    scores, `off_target` how many besides, which have no few-shot pass."""

    def __init__(self, benchmarks: int = 1, off_target: int = 0) -> None:
        self._benchmarks, self._off_target = benchmarks, off_target
        self._tasks_done = 0
        self._views = {phase: PhaseView(phase) for phase in Phase}
        self.current: Phase | None = None

    def views(self) -> tuple[PhaseView, ...]:
        return tuple(self._views.values())

    def start(self, phase: Phase, time: datetime) -> None:
        self.current, self._tasks_done = phase, 0
        self._views[phase] = PhaseView(phase, PhaseState.RUNNING, began=time)

    def finish(self, end: PhaseFinished) -> None:
        self._change(
            end.phase,
            state=PhaseState.ENDED,
            seconds=end.seconds,
            outcome=end.outcome,
            detail=end.detail,
        )
        self.current = None

    def resume(self, first: Phase) -> None:
        """Everything from `first` on is done again."""
        order = list(Phase)
        for phase in order[order.index(first) :]:
            self._views[phase] = PhaseView(phase)
        self.current = None

    def deadline(self, deadline: datetime) -> None:
        self._change(Phase.AGENT, deadline=deadline)

    def progressed(self, at: EvaluationProgressed) -> None:
        if self.current is None:
            return
        part = at.done / at.total if at.total > 0 else 0.0
        self._change(
            self.current,
            label=event_words(at),
            fraction=self._share(part),
        )

    def prepared(self, at: PreparationProgressed) -> None:
        if self.current is None:
            return
        known = at.total_bytes > 0
        part = min(1.0, max(0.0, at.done_bytes / at.total_bytes)) if known else None
        self._change(self.current, label=event_words(at), fraction=part)

    def voted(self, vote: JudgeVoteAsked | JudgeVoteCounted) -> None:
        """The judge comes at the audit's end and takes nearly all of its time."""
        if self.current is None:
            return
        counted = votes_counted(vote)
        self._change(
            self.current,
            label=votes_words(vote),
            fraction=min(1.0, max(0.0, counted / vote.votes)) if vote.votes > 0 else None,
        )

    def scored(self, _end: EvaluationFinished) -> None:
        if self.current is None:
            return
        self._tasks_done += 1
        self._change(self.current, fraction=self._share(0.0), label="")

    def _share(self, part: float) -> float:
        per_benchmark = _BASELINE_TASKS if self.current is Phase.BASELINE else 1
        tasks = max(1, per_benchmark * self._benchmarks + self._off_target)
        return min(1.0, max(0.0, (self._tasks_done + part) / tasks))

    def _change(self, phase: Phase, **changes: object) -> None:
        self._views[phase] = replace(self._views[phase], **changes)  # type: ignore[arg-type]
