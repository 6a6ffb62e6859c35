"""A training step of the embedded model: seconds and memory, ours against stock TRL, and the floor.

Batch 8 of about 80 tokens, answers of 2 to 16; stock is `SFTTrainer` as a user starts it.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.figures import Figure, publish
from bench.training_floor import measured_floor, step_products
from bench.training_setup import BATCH, in_turns, median_step, our_trainer, peer_trainer
from ptb_lite.training.config import Quantization
from tests.functional.training.stock import batch_losses, copy_adapter

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
STEPS = 10
# Stock takes as long for one as ours for ten.
PEER_STEPS = 3
GB = 1e9


@pytest.mark.parametrize("quantization", ["nf4", "none"])
def test_training_step(
    quantization: Quantization, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = our_trainer(tmp_path, steps=STEPS, quantization=quantization)
    stock = peer_trainer(tmp_path, steps=PEER_STEPS, quantization=quantization)
    losses = compared_losses(ours.trainer, stock)
    our_seconds, stock_seconds = in_turns(
        2, lambda: median_step(ours.trainer), lambda: median_step(stock, warm=1)
    )
    floor = median_floor(ours.trainer, ours.dataset)
    what = "NF4" if quantization == "nf4" else "bf16"
    figure = Figure(
        what=f"training step, {what} LoRA, 270M, batch {BATCH} x 80 tokens",
        value=our_seconds,
        unit="s",
        peer="stock TRL SFTTrainer",
        peer_value=stock_seconds,
        limit=f"its {floor.operations / 1e9:.0f} G operations in bf16 products",
        limit_value=floor.seconds,
        target_ratio=10,
        note=f"{losses}; {floor.rate / 1e9:.0f} GFLOP/s; best median of two turns",
    )
    publish(figure)
    with capsys.disabled():
        print(f"\n{figure}\nratio {figure.ratio:.1f}, {1 / (figure.distance or 1):.2f}")


@dataclass(frozen=True)
class Losses:
    """Largest distances of losses to those in float32, and of ours to stock's."""

    ours: float
    stock: float
    between: float

    def __str__(self) -> str:
        return (
            f"losses off float32 by {self.ours:.1e} (stock {self.stock:.1e}), "
            f"off each other by {self.between:.1e}"
        )


def compared_losses(ours: Any, stock: Any) -> Losses:
    """Of the same batches, with the same adapter, before training; asserts that they agree.

    The two round in another order; float32 on the same weights says how far each is off.
    """
    copy_adapter(stock, ours, noise=0.002)
    batches = [batch for batch, _ in zip(stock.get_train_dataloader(), range(4), strict=False)]
    mine, theirs, exact = (
        torch.tensor(found)
        for found in (
            batch_losses(ours, batches),
            batch_losses(stock, batches),
            in_float32(ours, batches),
        )
    )
    off = Losses(
        *(float((a - b).abs().max()) for a, b in ((mine, exact), (theirs, exact), (mine, theirs)))
    )
    assert off.ours < max(2 * off.stock, 1e-3 * float(exact.mean()))
    return off


def in_float32(trainer: Any, batches: list[dict[str, torch.Tensor]]) -> list[float]:
    """The losses of plain cross-entropy, all in float32, on the trainer's own weights."""
    model = trainer.model
    frozen = {n: p for n, p in model.named_parameters() if p.dtype == torch.bfloat16}
    kept = {name: parameter.data for name, parameter in frozen.items()}
    for parameter in frozen.values():
        parameter.data = parameter.data.float()
    try:
        return [plain_loss(trainer, batch) for batch in batches]
    finally:
        for name, parameter in frozen.items():
            parameter.data = kept[name]


def plain_loss(trainer: Any, batch: dict[str, torch.Tensor]) -> float:
    inner = trainer.model.get_base_model()
    before = inner.config._attn_implementation
    inner.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            given = {name: batch[name] for name in ("input_ids", "attention_mask")}
            hidden = inner.base_model(**given, use_cache=False).last_hidden_state[:, :-1]
            labels = batch["labels"][:, 1:]
            head = inner.get_output_embeddings()
            logits = head(hidden[labels != -100])
            return float(torch.nn.functional.cross_entropy(logits, labels[labels != -100]))
    finally:
        inner.set_attn_implementation(before)


def median_floor(trainer: Any, dataset: Any) -> Any:
    """The floor of the batch of middling work."""
    rows = list(dataset)
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    middle = sorted(batches, key=lambda batch: sum(len(row["input_ids"]) for row in batch))
    batch = middle[len(middle) // 2]
    supervised = statistics.mean(
        sum(label != -100 for row in one for label in row["labels"][1:]) for one in batches
    )
    lengths = [len(row["input_ids"]) for row in batch]
    model = trainer.model.get_base_model()
    return measured_floor(step_products(model, lengths, round(supervised)))


@pytest.mark.parametrize("quantization", ["nf4", "none"])
def test_peak_memory(quantization: Quantization, capsys: pytest.CaptureFixture[str]) -> None:
    ours, stock = (memory(kind, quantization) for kind in ("ours", "stock"))
    what = "NF4" if quantization == "nf4" else "bf16"
    figure = Figure(
        what=f"peak memory of a training step, {what} LoRA, 270M",
        value=ours["peak"] / GB,
        unit="GB",
        peer="stock TRL SFTTrainer",
        peer_value=stock["peak"] / GB,
        limit="what is resident before the first step",
        limit_value=ours["before"] / GB,
        target_ratio=2,
        note="resident high-water of a process each; above what was resident before: "
        f"{(ours['peak'] - ours['before']) / GB:.2f} GB "
        f"against {(stock['peak'] - stock['before']) / GB:.2f} GB",
    )
    publish(figure)
    with capsys.disabled():
        print(f"\n{figure}\nratio {figure.ratio:.1f}")


def memory(kind: str, quantization: str) -> dict[str, int]:
    command = [sys.executable, "-m", "bench.training_memory", kind, quantization]
    root = Path(__file__).parents[1]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True, timeout=600
    )
    found: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
