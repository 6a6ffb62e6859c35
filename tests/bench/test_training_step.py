"""Seconds of a training step on the embedded model: ours against stock TRL, in the same process."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
from transformers import PrinterCallback, TrainerCallback

from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import Example
from ptb_lite.training.train import make_trainer, plan_for, tokenised
from tests.functional.training.stock import batch_losses, copy_adapter, stock_trainer

pytestmark = pytest.mark.bench
BATCH = 8
STEPS = 6
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "seven",
    "wizards",
    "count",
    "red",
    "apples",
]


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_args: Any, **_kwargs: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, *_args: Any, **_kwargs: Any) -> None:
        self.seconds.append(time.perf_counter() - self._began)


def examples() -> tuple[Example, ...]:
    """Prompts of about 80 tokens with answers of 2 to 16."""
    draw = random.Random(0)
    text = lambda low, high: " ".join(draw.choice(WORDS) for _ in range(draw.randint(low, high)))  # noqa: E731
    return tuple(
        Example(f"Question: {text(55, 75)}?\nAnswer:", f" {text(1, 14)}\n")
        for _ in range(BATCH * STEPS)
    )


def median_step(trainer: Any) -> float:
    """Median seconds of the steps after the first two, which warm caches."""
    watch = Stopwatch()
    trainer.add_callback(watch)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return statistics.median(watch.seconds[2:])


@pytest.mark.timeout(900)
def test_training_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = embedded_model("gemma-3-270m-embedded")
    config = TrainingConfig(
        base_model=model, data=tmp_path, output=tmp_path, steps=STEPS, batch_size=BATCH
    )
    data = examples()
    tokenizer, dataset = tokenised(config, data)
    plan = plan_for(config, dataset)
    ours = make_trainer(config, plan, load_base(model, plan), tokenizer, dataset, tmp_path)
    stock = stock_trainer(model, data, tmp_path / "stock", batch_size=BATCH, steps=STEPS)
    copy_adapter(stock, ours)
    batches = [batch for batch, _ in zip(stock.get_train_dataloader(), range(3), strict=False)]
    theirs = batch_losses(stock, batches)
    difference = max(abs(a - b) for a, b in zip(theirs, batch_losses(ours, batches), strict=True))
    our_seconds, stock_seconds = median_step(ours), median_step(stock)
    tokens = sum(len(ids) for ids in dataset["input_ids"]) / STEPS
    with capsys.disabled():
        print(
            f"\ntraining step, batch {BATCH}, {tokens:.0f} tokens: {our_seconds:.2f} s, "
            f"stock SFTTrainer {stock_seconds:.2f} s, ratio {stock_seconds / our_seconds:.1f}; "
            f"losses {theirs} differ by at most {difference:.1e}"
        )
    assert difference < 1e-3
