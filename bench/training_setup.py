"""The training step that the benchmarks measure: ours and stock TRL's, of the embedded model."""

from __future__ import annotations

import dataclasses
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PrinterCallback, TrainerCallback

from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.training.allocator import keep_freed_memory
from ptb_lite.training.base import load_base
from ptb_lite.training.config import Quantization, TrainingConfig
from ptb_lite.training.data import Example
from ptb_lite.training.planning.plan import TrainingPlan
from ptb_lite.training.train import make_trainer, plan_for, tokenised
from tests.functional.training.stock import stock_trainer

BATCH = 8
WORDS = (
    "the quick brown fox jumps over a lazy dog while seven wizards count red apples".split()  # noqa: SIM905
)


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_args: Any, **_kwargs: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, *_args: Any, **_kwargs: Any) -> None:
        self.seconds.append(time.perf_counter() - self._began)


@dataclass(frozen=True)
class Ours:
    trainer: Any
    plan: TrainingPlan
    dataset: Any


def examples(steps: int) -> tuple[Example, ...]:
    """Prompts of about 80 tokens with answers of 2 to 16."""
    draw = random.Random(0)

    def text(low: int, high: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(low, high)))

    return tuple(
        Example(f"Question: {text(55, 75)}?\nAnswer:", f" {text(1, 14)}\n")
        for _ in range(BATCH * steps)
    )


def model_folder() -> Path:
    return embedded_model("gemma-3-270m-embedded")


def our_trainer(
    place: Path, *, steps: int, quantization: Quantization = "nf4", **plan_changes: Any
) -> Ours:
    """As `ptb-lite-train` makes it; `plan_changes` replace fields of the plan."""
    config = TrainingConfig(
        base_model=model_folder(),
        data=place,
        output=place,
        steps=steps,
        batch_size=BATCH,
        quantization=quantization,
    )
    tokenizer, dataset = tokenised(config, examples(steps))
    plan = dataclasses.replace(plan_for(config, dataset), **plan_changes)
    base = load_base(config.base_model, plan)
    keep_freed_memory()
    return Ours(make_trainer(config, plan, base, tokenizer, dataset, place), plan, dataset)


def peer_trainer(place: Path, *, steps: int, quantization: Quantization = "nf4") -> Any:
    """Stock TRL on the same examples."""
    return stock_trainer(
        model_folder(),
        examples(steps),
        place / "stock",
        batch_size=BATCH,
        steps=steps,
        quantised=quantization == "nf4",
    )


def median_step(trainer: Any, *, warm: int = 2) -> float:
    """Median seconds of the steps after the first `warm`, which fill caches."""
    watch = Stopwatch()
    trainer.add_callback(watch)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    trainer.remove_callback(watch)
    return statistics.median(watch.seconds[warm:])


def in_turns(turns: int, *work: Callable[[], float]) -> list[float]:
    """The least that each of several measurements found, one after the other, `turns` times: a
    neighbour on the machine that disturbs one of them disturbs all."""
    found = [[measure() for measure in work] for _ in range(turns)]
    return [min(column) for column in zip(*found, strict=True)]
