"""What the Run screen shows of a run at one moment: plain values and small questions to them.

`run_fold.py` makes them from the events of a journal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ptb_lite.events import DeviceSampled, EvaluationFinished, Flag, Outcome, Phase, Verdict
from ptb_lite.report.series import Point
from ptb_lite.tui.models.run.dev import DevView
from ptb_lite.tui.models.run.phases import PhaseView
from ptb_lite.tui.models.trace.entries import Entry


@dataclass(frozen=True)
class AgentView:
    """The agent's time. `outcome` is None while it works."""

    backend: str
    sandbox: str
    budget_seconds: float
    began: datetime
    deadline: datetime
    outcome: Outcome | None = None
    seconds: float | None = None
    detail: str = ""

    def left(self, now: datetime) -> float | None:
        """Seconds left of the budget; None when the agent has ended."""
        if self.outcome is not None:
            return None
        return max(0.0, (self.deadline - now).total_seconds())


_SILENT_SECONDS = 15.0
_STEPS_PER_FIGURE = 10.0


@dataclass(frozen=True)
class TrainingView:
    """The newest figures of a training. `points` are (step, loss), each the mean of `per_point`."""

    step: float
    steps: float
    loss: float | None
    learning_rate: float | None
    tokens_per_second: float | None
    began: datetime
    time: datetime
    first_step: float
    points: tuple[Point, ...] = ()
    per_point: int = 1

    def left(self) -> float | None:
        """Seconds to its last step at the pace so far; None where that cannot be said."""
        done = self.step - self.first_step
        if done <= 0 or self.steps < self.step:
            return None
        return (self.time - self.began).total_seconds() / done * (self.steps - self.step)

    def by(self, seconds: float) -> float | None:
        """The step that it will be at in so many seconds, where that is not its last one."""
        left = self.left()
        if left is None or left <= seconds:
            return None
        return self.step + seconds / left * (self.steps - self.step)

    def at_most(self, silent: float, seconds: float) -> float | None:
        """After a first figure and `silent` seconds without another: the last step that can be
        reached in `seconds` more, where that is not its last one. Most trainings tell every tenth
        step or oftener."""
        if self.step != self.first_step or silent < _SILENT_SECONDS:
            return None
        reached = self.step + max(_STEPS_PER_FIGURE, self.step) * (1 + seconds / silent)
        return reached if reached < self.steps else None


@dataclass(frozen=True)
class DeviceView:
    """The newest sample, and the last few as shares in [0, 1], oldest first.

    `gpu_lost`: there was a GPU, and now there is none.
    """

    last: DeviceSampled
    cpu: tuple[float, ...]
    memory: tuple[float, ...]
    gpu: tuple[float, ...]
    gpu_memory: tuple[float, ...]
    gpu_lost: bool


@dataclass(frozen=True)
class FlagView:
    """`live`: seen while the agent was at work, and not said again by the final audit (yet)."""

    number: int
    flag: Flag
    live: bool
    time: datetime


@dataclass(frozen=True)
class UsageView:
    """Tokens of the agent's model, summed; `cost` in US dollars where there is a price, `estimated`
    where that is not the agent's own figure."""

    input_tokens: float = 0.0
    cached_input_tokens: float = 0.0
    output_tokens: float = 0.0
    cost: float | None = None
    estimated: bool = False


@dataclass(frozen=True)
class RunSnapshot:
    """Everything that is shown of a run at one moment.

    `no_score` is the headline of a run whose submission was refused at its seal, `sealed_bytes` the
    size of one that was not. `feedback_score` in [0, 1] is what evaluate.py last told the agent.
    `events` counts what was folded, `impossible` what of it has figures that cannot be.
    """

    run_id: str
    began: datetime | None
    time: datetime | None
    phases: tuple[PhaseView, ...]
    current: Phase | None
    agent: AgentView | None
    entries: tuple[Entry, ...]
    earlier: int
    training: TrainingView | None
    device: DeviceView | None
    flags: tuple[FlagView, ...]
    more_flags: int
    audited: bool
    usage: UsageView
    hosts: tuple[tuple[str, int, bool], ...]
    scores: tuple[EvaluationFinished, ...]
    verdict: Verdict | None
    verdict_reason: str
    outcome: Outcome | None
    detail: str
    no_score: str
    sealed_bytes: int | None
    feedback_score: float | None
    dev: DevView
    events: int
    impossible: int
