"""`paged_adamw_8bit` where float32 moments do not fit: it has to finish, with like losses."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from bench.gpu_check.models import make_model, remove
from bench.gpu_check.packing import examples
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import GB, release
from ptb_lite.catalog import load_catalog
from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.planning.choices import Optimiser
from ptb_lite.training.planning.plan import TrainingPlan
from ptb_lite.training.train import make_trainer, tokenised

MODEL = "qwen3-0.6b-base"
RANK = 256  # moments of gigabytes, without which there is nothing to see
STEPS = 6
ROWS = 4
TOKENS = 256


@dataclasses.dataclass(frozen=True)
class Ran:
    """One short training: its losses, seconds, the peak of torch's memory, the adapter's size."""

    losses: tuple[float, ...]
    seconds: float
    peak: int
    adapter: int


def run(rows: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        folder = make_model(load_catalog().model(MODEL), Path(place) / "model")
        free = short_run(folder, "adamw_torch_fused")
        moments = 8 * free.adapter
        allowed = free.peak - moments // 2
        size = f"rank {RANK}, {free.adapter / 1e6:.0f} M weights"
        note = f"{size}, float32 moments of {moments / GB:.2f} GB"
        write_row(rows, _row("adamw_torch_fused, the whole GPU", free, note))
        for name in ("adamw_torch_fused", "paged_adamw_8bit"):
            what = f"{name}, {allowed / GB:.2f} GB for torch"
            try:
                with capped(allowed):
                    found = short_run(folder, name)  # type: ignore[arg-type]
            except torch.OutOfMemoryError:
                write_row(rows, Row("optimiser", what, "does not fit"))
                continue
            off = max(abs(a - b) for a, b in zip(found.losses, free.losses, strict=True))
            write_row(rows, _row(what, found, f"losses off float32 moments by {off:.4f}"))
        remove(folder)


def _row(what: str, ran: Ran, note: str) -> Row:
    losses = ", ".join(f"{loss:.3f}" for loss in ran.losses)
    return Row(
        "optimiser",
        what,
        f"finished, {len(ran.losses)} of {STEPS} steps",
        note=f"{note}; {ran.seconds:.1f} s; peak of torch {ran.peak / GB:.2f} GB; losses {losses}",
    )


@contextmanager
def capped(allowed: int) -> Iterator[None]:
    """No more than `allowed` bytes for torch; pages of the optimiser are not among them."""
    release()
    torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info()[1])
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        release()


def short_run(folder: Path, optimiser: Optimiser) -> Ran:
    """`STEPS` steps with the same examples, adapter and order each time."""
    config = TrainingConfig(
        base_model=folder,
        data=folder,
        output=folder,
        steps=STEPS,
        batch_size=ROWS,
        lora_rank=RANK,
        lora_alpha=2 * RANK,
        learning_rate=1e-4,
        max_length=TOKENS,
    )
    plan = TrainingPlan(
        device="cuda",
        dtype="bfloat16",
        quantise=True,
        unpack_once=False,
        checkpointed_layers=1000,
        parts=1,
        reasons=(),
        optimiser=optimiser,
    )
    torch.manual_seed(0)
    torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer, dataset = tokenised(config, examples(TOKENS))
        base = load_base(folder, plan)
        trainer = make_trainer(config, plan, base, tokenizer, dataset, Path(scratch))
        began = time.perf_counter()
        trainer.train()
        torch.cuda.synchronize()
        return Ran(
            losses=tuple(_losses(trainer)),
            seconds=time.perf_counter() - began,
            peak=torch.cuda.max_memory_reserved(),
            adapter=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        )


def _losses(trainer: Any) -> Iterator[float]:
    """As the trainer logged them, one a step."""
    yield from (entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
