"""What happens beside the steps: progress lines, adapter checkpoints, the time limit, a stop."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from transformers import TrainerCallback

from ptb_lite.events import Outcome
from ptb_lite.training.progress import Reporter


class Progress(TrainerCallback):  # type: ignore[misc]
    """One progress line a step. `tokens` is what the trainer has counted so far."""

    def __init__(self, reporter: Reporter, tokens: Callable[[], int]) -> None:
        self._reporter = reporter
        self._tokens = tokens
        self._began = 0.0
        self._before = 0
        self._rate = 0.0
        self.losses: list[float] = []

    def on_step_begin(
        self, _args: Any, _state: Any, _control: Any, optimizer: Any = None, **_kwargs: Any
    ) -> None:
        self._began = time.monotonic()
        self._before = self._tokens()
        # What the step uses; the scheduler's own figure misses what `Cooldown` does.
        self._rate = float(optimizer.param_groups[0]["lr"])

    def on_log(
        self, _args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **_kw: Any
    ) -> None:
        if not logs or "loss" not in logs:
            return
        elapsed = max(time.monotonic() - self._began, 1e-6)
        self.losses.append(float(logs["loss"]))
        self._reporter.step(
            step=state.global_step,
            steps=state.max_steps,
            loss=self.losses[-1],
            learning_rate=self._rate,
            tokens_per_second=(self._tokens() - self._before) / elapsed,
        )


class Checkpoints(TrainerCallback):  # type: ignore[misc]
    """Calls `save(step)` every `every` steps, the last step excepted (that one is the result)."""

    def __init__(self, every: int, save: Callable[[int], None]) -> None:
        self._every = every
        self._save = save

    def on_step_end(self, _args: Any, state: Any, _control: Any, **_kwargs: Any) -> None:
        if state.global_step % self._every == 0 and state.global_step < state.max_steps:
            self._save(state.global_step)


class Ending(TrainerCallback):  # type: ignore[misc]
    """Ends the run after a step when the time is over or SIGTERM or SIGINT came.

    `deadline` is in seconds of time.monotonic(). The next step is not begun when, at the pace of
    the slowest of the last three, it would end after the deadline. `outcome` says how it ended.
    """

    def __init__(self, deadline: float | None) -> None:
        self.outcome = Outcome.FINISHED
        self._deadline = deadline
        self._stop_asked = False
        self._began = 0.0
        self._last: list[float] = []

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT; a second signal ends the process at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._stop_asked = True
        signal.signal(number, signal.SIG_DFL)

    def on_step_begin(self, _args: Any, _state: Any, _control: Any, **_kwargs: Any) -> None:
        self._began = time.monotonic()

    def on_step_end(self, _args: Any, state: Any, control: Any, **_kwargs: Any) -> Any:
        now = time.monotonic()
        self._last = [*self._last[-2:], now - self._began]
        if state.global_step >= state.max_steps:
            return control
        if self._stop_asked:
            self.outcome = Outcome.STOPPED
        elif self._deadline is not None and now + max(self._last) > self._deadline:
            self.outcome = Outcome.TIME_EXCEEDED
        control.should_training_stop = self.outcome is not Outcome.FINISHED
        return control


class Cooldown(TrainerCallback):  # type: ignore[misc]
    """Brings the learning rate down by the deadline where the steps will not be done by then.

    A run that its time limit ends in the middle of a schedule stops at a high rate, which costs
    most of what the last steps would have gained. At the pace so far, a run that will be done in
    time is left alone, and so stays the same for the same seed. `deadline` is in seconds of
    time.monotonic().
    """

    SETTLED = 3

    def __init__(self, deadline: float | None) -> None:
        self._deadline = deadline
        self._began: float | None = None

    def on_step_begin(self, _args: Any, _state: Any, _control: Any, **_kwargs: Any) -> None:
        if self._began is None:
            self._began = time.monotonic()

    def on_step_end(
        self, args: Any, state: Any, _control: Any, optimizer: Any = None, **_kwargs: Any
    ) -> None:
        if self._deadline is None or self._began is None or state.global_step < self.SETTLED:
            return
        factor = late_factor(
            time.monotonic() - self._began,
            self._deadline - self._began,
            done=state.global_step,
            steps=state.max_steps,
        )
        for group in optimizer.param_groups:
            group["lr"] = min(group["lr"], args.learning_rate * factor)


def late_factor(elapsed: float, limit: float, *, done: int, steps: int) -> float:
    """The share of the peak rate for the next step: 1 when all steps fit into `limit` seconds.

    Otherwise the cosine of Loshchilov and Hutter 2017 (SGDR, equation 5) over time, 0 at the limit.
    """
    if elapsed / done * steps <= limit:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, elapsed / limit)))


def checkpoint_folder(output: Path, step: int) -> Path:
    """Where the adapter of a step is saved."""
    return output / f"checkpoint-{step}"
