"""NF4 QLoRA steps at real sizes, with the GPU's memory capped, against peers and the floor."""

from __future__ import annotations

import contextlib
import gc
import io
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, TrainerCallback

from bench.gpu_check.floor import bfloat16_rate
from bench.gpu_check.models import make_model, remove
from bench.gpu_check.peers import Peer, PeerError, unsloth
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.workload import (
    BATCH,
    LONGEST,
    SKIPPED,
    STEPS,
    Lengths,
    examples,
    mean_operations,
    tokens_of,
)
from ptb_lite.catalog import load_catalog
from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import Example
from ptb_lite.training.planning.capability import cuda_software, model_shape
from ptb_lite.training.planning.cost import Capability, ModelShape
from ptb_lite.training.planning.plan import TrainingPlan, choose_plan, likely_tokens
from ptb_lite.training.train import make_trainer, tokenised
from tests.functional.training.stock import stock_trainer

MODELS = (
    "qwen3-0.6b-base",
    "gemma-3-1b-pt",
    "qwen3-1.7b-base",
    "smollm3-3b-base",
    "qwen3-4b-base",
    "gemma-3-4b-pt",
)
CAPS_GB = (0, 24, 16, 12, 8, 6)  # 0: the whole GPU
STOCK_STEPS = 4
# Batches differ where lengths do: more of them.
MIXED_STEPS = 20
GB = 10**9


@dataclass(frozen=True)
class Measured:
    """Seconds of a step (median; of mixed lengths the mean), bytes at the peak, parts of a batch,
    the first step's seconds and the mean loss of every step."""

    seconds: float
    allocated: int
    reserved: int
    parts: int
    first: float
    losses: tuple[float, ...]
    fallbacks: tuple[str, ...] = ()
    """What was not compiled as planned, and why."""


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_args: Any, **_kwargs: Any) -> None:
        torch.cuda.synchronize()
        self._began = time.perf_counter()

    def on_step_end(self, *_args: Any, **_kwargs: Any) -> None:
        torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._began)


@dataclass(frozen=True)
class Bench:
    """What all rows of one call share: where they go, and the GPU's rate and context."""

    rows: Path
    rate: float
    context: int
    peers: tuple[str, ...]


def run(
    rows: Path,
    models: tuple[str, ...],
    caps: tuple[int, ...],
    *,
    lengths: tuple[Lengths, ...] = ("even",),
    peers: tuple[str, ...] = (),
    stock: bool = True,
) -> None:
    """A row for each way; of `peers` ("unsloth") too, under the same cap."""
    bench = Bench(rows, bfloat16_rate(), context_bytes(), peers)
    release()
    about = f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    write_row(rows, Row("training", about, f"bf16 {bench.rate / 1e12:.0f} TFLOP/s"))
    write_row(rows, Row("training", "memory of CUDA's context", f"{bench.context / GB:.2f} GB"))
    for name in models:
        with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
            folder = Path(place) / "model"
            try:
                make_model(load_catalog().model(name), folder)
                for length in lengths:
                    one_model(bench, name, folder, caps, length, stock=stock)
            except Exception as error:  # a model that fails is a row, the others still run
                write_row(rows, Row("training", name, "failed", note=repr(error)[:300]))
            remove(folder)
        release()


def one_model(
    bench: Bench,
    name: str,
    folder: Path,
    caps: tuple[int, ...],
    lengths: Lengths,
    *,
    stock: bool,
) -> None:
    shape = model_shape(AutoConfig.from_pretrained(folder))
    made = examples(lengths, STEPS if lengths == "even" else MIXED_STEPS)
    floor = mean_operations(shape, made) / bench.rate
    tokens = sum(map(tokens_of, made)) * BATCH / len(made)
    what = f"{name}, {'equal' if lengths == 'even' else 'mixed'} lengths"

    def row(who: str, found: Measured | str, note: str = "") -> None:
        write_row(bench.rows, _row(f"{what}, {who}", found, floor, tokens, bench.context, note))

    theirs = attempt(lambda: stock_step(folder, made)) if stock else "not measured"
    if stock:
        row("stock TRL, the whole GPU", theirs)
    for cap in caps:
        place = f"{cap} GB" if cap else "the whole GPU"
        allowed = cap * GB - bench.context if cap else torch.cuda.mem_get_info()[0]
        plan = plan_within(shape, made, allowed, bench.rate)
        found = attempt(lambda plan=plan, allowed=allowed: our_step(folder, plan, made, allowed))
        row(f"ptb-lite, {place}", found, _plan(plan, found, bench.context))
        if "unsloth" in bench.peers:
            row(f"Unsloth, {place}", *peer_step(folder, made, cap * GB and allowed))


def plan_within(
    shape: ModelShape, made: Sequence[Example], allowed: int, rate: float
) -> TrainingPlan:
    """The plan that ptb-lite-train makes on a GPU with so many bytes free and time enough."""
    lengths = [tokens_of(one) for one in made]
    return choose_plan(
        Capability(
            device="cuda",
            memory_free=allowed,
            fast_bfloat16=True,
            rate=rate,
            compute=torch.cuda.get_device_capability(),
            software=cuda_software(),
        ),
        shape,
        nf4=True,
        batch_tokens=BATCH * max(lengths),
        batch_size=BATCH,
        padding=1 - sum(lengths) / (len(lengths) * max(lengths)),
        flat_tokens=likely_tokens(lengths, BATCH),
    )


def _row(
    what: str, found: Measured | str, floor: float, tokens: float, context: int, note: str
) -> Row:
    if isinstance(found, str):
        return Row("training", what, found, note=note)
    notes = [
        f"peak {(found.reserved + context) / GB:.2f} GB (allocated {found.allocated / GB:.2f})",
        f"{floor / found.seconds:.0%} of the bf16 rate",
        f"first step {found.first:.1f} s",
        f"loss {found.losses[0]:.3f} to {found.losses[-1]:.3f}",
        *([note] if note else []),
    ]
    figure = f"{found.seconds:.3f} s, {tokens / found.seconds:,.0f} tokens/s"
    return Row("training", what, figure, note="; ".join(notes))


def _plan(plan: TrainingPlan, found: Measured | str, context: int) -> str:
    told = f"{plan.summary}; {plan.attention}, {plan.optimiser}"
    if isinstance(found, str):
        return told
    used = found.reserved + context
    estimate = plan.bytes + context
    halved = f"; ran in {found.parts} parts" if found.parts != plan.parts else ""
    fell = "".join(f"; {one}" for one in found.fallbacks)
    return f"estimate {estimate / GB:.2f} GB = {estimate / used:.2f} x; {told}{halved}{fell}"


def attempt(work: Any) -> Measured | str:
    """The figures, or in a word why there are none."""
    try:
        found: Measured = work()
    except torch.OutOfMemoryError:
        return "does not fit"
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        release()
    return found


def our_step(folder: Path, plan: TrainingPlan, made: Sequence[Example], allowed: int) -> Measured:
    """Our trainer under a plan, with no more than `allowed` bytes for torch."""
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
    torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch:
        config = TrainingConfig(
            base_model=folder,
            data=folder,
            output=folder,
            steps=len(made) // BATCH,
            batch_size=BATCH,
            learning_rate=1e-4,
            max_length=LONGEST,
        )
        tokenizer, dataset = tokenised(config, made)
        fallbacks: list[str] = []
        trainer = make_trainer(
            config,
            plan,
            load_base(folder, plan),
            tokenizer,
            dataset,
            Path(scratch),
            fallbacks.append,
        )
        if trainer.unfused:
            fallbacks.append(f"without fused adapters: {trainer.unfused}")
        return replace(measure(trainer, made), fallbacks=tuple(fallbacks))


def stock_step(folder: Path, made: Sequence[Example]) -> Measured:
    torch.cuda.reset_peak_memory_stats()
    few = tuple(made[: BATCH * STOCK_STEPS])
    with tempfile.TemporaryDirectory() as scratch:
        trainer = stock_trainer(folder, few, Path(scratch), batch_size=BATCH, steps=STOCK_STEPS)
        return measure(trainer, few)


def peer_step(folder: Path, made: Sequence[Example], allowed: int) -> tuple[Measured | str, str]:
    """Unsloth and what is to be said of it: its default where memory is capped, and without
    checkpointing on the whole GPU (`allowed` 0), where that is the faster."""
    try:
        peer = unsloth(
            folder,
            made,
            allowed=allowed,
            checkpointing=bool(allowed),
            steps=len(made) // BATCH,
        )
    except PeerError as error:
        return "failed", str(error)
    how = "its default" if allowed else "without checkpointing"
    if not peer.fits:
        return "does not fit", f"{how}; {peer.version}"
    return _of_peer(peer, made), f"{how}; {peer.version}"


def _of_peer(peer: Peer, made: Sequence[Example]) -> Measured:
    return Measured(
        seconds=typical(peer.seconds, made),
        allocated=peer.allocated,
        reserved=peer.reserved,
        parts=1,
        first=peer.seconds[0],
        losses=peer.losses,
    )


def typical(seconds: Sequence[float], made: Sequence[Example]) -> float:
    """The median of the steps after the first ones; where batches differ in length, the mean."""
    settled = seconds[SKIPPED if len(seconds) > 2 * SKIPPED else 1 :]
    even = len({tokens_of(one) for one in made}) == 1
    return statistics.median(settled) if even else statistics.fmean(settled)


def measure(trainer: Any, made: Sequence[Example]) -> Measured:
    watch = Stopwatch()
    trainer.add_callback(watch)
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.train()
    return Measured(
        seconds=typical(watch.seconds, made),
        allocated=torch.cuda.max_memory_allocated(),
        reserved=torch.cuda.max_memory_reserved(),
        parts=getattr(trainer, "parts", 1),
        first=watch.seconds[0],
        losses=tuple(one["loss"] for one in trainer.state.log_history if "loss" in one),
    )


def context_bytes() -> int:
    """What CUDA holds of the GPU beside torch's own memory."""
    torch.cuda.synchronize()
    free, total = torch.cuda.mem_get_info()
    return total - free - torch.cuda.memory_reserved()


def release() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def model_names(given: str | None) -> Iterator[str]:
    yield from (given.split(",") if given else MODELS)
