"""NF4 QLoRA steps at real sizes, with the GPU's memory capped, against stock TRL and the floor."""

from __future__ import annotations

import contextlib
import gc
import io
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, TrainerCallback

from bench.gpu_check.floor import bfloat16_rate, step_operations
from bench.gpu_check.models import WORDS, make_model, remove
from bench.gpu_check.rows import Row, write_row
from ptb_lite.catalog import load_catalog
from ptb_lite.hardware import training_memory
from ptb_lite.training.base import load_base
from ptb_lite.training.capability import cuda_software, model_shape
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.cost import Capability
from ptb_lite.training.data import Example
from ptb_lite.training.plan import TrainingPlan, choose_plan
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
SEQUENCE = 1024
PROMPT = 256
BATCH = 16  # as the recipe agent asks for
STEPS = 4
GB = 10**9


@dataclass(frozen=True)
class Measured:
    """Seconds of a step (median, the first one left out), bytes at the peak, rows of a part."""

    seconds: float
    allocated: int
    reserved: int
    rows: int


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *_args: Any, **_kwargs: Any) -> None:
        torch.cuda.synchronize()
        self._began = time.perf_counter()

    def on_step_end(self, *_args: Any, **_kwargs: Any) -> None:
        torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._began)


def run(rows: Path, models: tuple[str, ...], caps: tuple[int, ...]) -> None:
    rate = bfloat16_rate()
    write_row(rows, Row("training", "bf16 product, 8192 x 8192", f"{rate / 1e12:.0f} TFLOP/s"))
    context = context_bytes()
    write_row(rows, Row("training", "memory of CUDA's context", f"{context / GB:.2f} GB"))
    for name in models:
        with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
            folder = Path(place) / "model"
            try:
                one_model(rows, name, folder, caps, rate, context)
            except Exception as error:  # a model that fails is a row, the others still run
                write_row(rows, Row("training", name, "failed", note=repr(error)[:300]))
            remove(folder)
        release()


def one_model(
    rows: Path, name: str, folder: Path, caps: tuple[int, ...], rate: float, context: int
) -> None:
    entry = load_catalog().model(name)
    make_model(entry, folder)
    shape = model_shape(AutoConfig.from_pretrained(folder))
    tokens = BATCH * SEQUENCE
    supervised = BATCH * (SEQUENCE - PROMPT)
    floor = step_operations(shape, tokens=tokens, sequence=SEQUENCE, supervised=supervised) / rate
    stock = attempt(lambda: stock_step(folder))
    if isinstance(stock, Measured):
        write_row(rows, _row(f"{name}, stock TRL, uncapped", stock, floor, None, context))
    else:
        write_row(rows, Row("training", f"{name}, stock TRL, uncapped", stock))
    for cap in caps:
        whole = torch.cuda.mem_get_info()[0]
        allowed = cap * GB - context if cap else whole
        plan = choose_plan(
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
            batch_tokens=tokens,
            batch_size=BATCH,
        )
        found = attempt(lambda plan=plan, allowed=allowed: our_step(folder, plan, allowed))
        what = f"{name}, {cap} GB" if cap else f"{name}, the whole GPU"
        if not isinstance(found, Measured):
            write_row(rows, Row("training", what, found, note=_plan(plan)))
            continue
        estimate = training_memory(
            entry,
            sequence=SEQUENCE,
            batch=found.rows,
            supervised=SEQUENCE - PROMPT,
            checkpointing=plan.checkpointed_layers > 0,
            quantisation="none" if plan.unpack_once else "nf4",
        ).total
        other = stock if isinstance(stock, Measured) else None
        row = _row(what, found, floor, other, context, estimate=estimate, plan=plan)
        write_row(rows, row)


def _row(
    what: str,
    found: Measured,
    floor: float,
    stock: Measured | None,
    context: int,
    *,
    estimate: int | None = None,
    plan: TrainingPlan | None = None,
) -> Row:
    rate = BATCH * SEQUENCE / found.seconds
    used = found.reserved + context
    notes = [
        f"peak {used / GB:.2f} GB (allocated {found.allocated / GB:.2f})",
        f"parts of {found.rows}",
        f"floor {floor:.3f} s = {floor / found.seconds:.0%}",
    ]
    if estimate is not None:
        notes.insert(1, f"estimate {estimate / GB:.2f} GB = {estimate / used:.2f} x")
    if plan is not None:
        notes.append(_plan(plan))
    return Row(
        "training",
        what,
        f"{found.seconds:.3f} s, {rate:,.0f} tokens/s",
        f"stock {stock.seconds:.3f} s" if stock else "",
        f"{stock.seconds / found.seconds:.2f} x" if stock else "",
        "; ".join(notes),
    )


def _plan(plan: TrainingPlan) -> str:
    packing = "unpacked" if plan.unpack_once else "packed"
    checkpointing = "on" if plan.checkpointed_layers else "off"
    laid = ", padding-free" if plan.padding_free else ""
    fused = ", fused" if plan.fused else ""
    return (
        f"{packing}, checkpointing {checkpointing}, planned {plan.parts} parts, "
        f"{plan.attention}{laid}{fused}, {plan.optimiser}"
    )


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


def our_step(folder: Path, plan: TrainingPlan, allowed: int) -> Measured:
    """Our trainer under a plan, with no more than `allowed` bytes for torch."""
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction(min(1.0, allowed / total))
    torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch:
        config = TrainingConfig(
            base_model=folder,
            data=folder,
            output=folder,
            steps=STEPS,
            batch_size=BATCH,
            max_length=SEQUENCE,
        )
        tokenizer, dataset = tokenised(config, examples())
        trainer = make_trainer(
            config, plan, load_base(folder, plan), tokenizer, dataset, Path(scratch)
        )
        return measure(trainer)


def stock_step(folder: Path) -> Measured:
    torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = stock_trainer(folder, examples(), Path(scratch), batch_size=BATCH, steps=STEPS)
        return measure(trainer)


def measure(trainer: Any) -> Measured:
    watch = Stopwatch()
    trainer.add_callback(watch)
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.train()
    parts = getattr(trainer, "parts", 1)
    return Measured(
        seconds=statistics.median(watch.seconds[1:]),
        allocated=torch.cuda.max_memory_allocated(),
        reserved=torch.cuda.max_memory_reserved(),
        rows=-(-BATCH // parts),
    )


def examples() -> tuple[Example, ...]:
    """`SEQUENCE` tokens each, the first `PROMPT` of them not supervised."""
    draw = random.Random(0)

    def words(count: int) -> str:
        return " ".join(f"w{draw.randrange(2, WORDS)}" for _ in range(count))

    return tuple(
        Example(words(PROMPT), " " + words(SEQUENCE - PROMPT - 1)) for _ in range(BATCH * STEPS)
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
