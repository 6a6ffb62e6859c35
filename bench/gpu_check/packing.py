"""Examples of mixed length: padded against end to end, fused layers, and stock TRL.

Every way takes the same batches with the same weights, so that seconds, memory, losses and
gradients can be set beside each other. Seconds are of the forward and backward pass of a batch; the
step `training` has whole steps.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from bench.gpu_check.models import WORDS, make_model, remove
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import GB, release
from ptb_lite.catalog import load_catalog
from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import Example
from ptb_lite.training.kernels.fused_lora import fuse_lora
from ptb_lite.training.kernels.fused_norm import fuse_norms
from ptb_lite.training.planning.choices import Attention
from ptb_lite.training.planning.plan import TrainingPlan
from ptb_lite.training.train import make_trainer, tokenised
from tests.functional.training.stock import copy_adapter, gradient, stock_trainer

MODELS = ("qwen3-0.6b-base", "gemma-3-1b-pt", "qwen3-1.7b-base")
SHORTEST, LONGEST = 64, 1024
BATCH = 16
BATCHES = 4
FEW = 4  # rows of the batch that float32 takes as well
VARLEN: Attention = "ptb_lite_varlen"


@dataclass(frozen=True)
class Way:
    """How a batch goes through the model; `adapters` and `norms`: in fewer passes."""

    attention: Attention = "sdpa"
    adapters: bool = False
    norms: bool = False
    checkpointing: bool = False

    def __str__(self) -> str:
        laid = "padded, sdpa" if self.attention == "sdpa" else f"end to end, {self.attention}"
        fused = [n for n, on in (("adapters", self.adapters), ("norms", self.norms)) if on]
        passes = f", fused {' and '.join(fused)}" if fused else ""
        return f"{laid}{passes}{', checkpointed' if self.checkpointing else ''}"


PADDED = Way()
WAYS = (
    PADDED,
    Way(VARLEN),
    Way(VARLEN, adapters=True),
    Way(VARLEN, norms=True),
    Way(VARLEN, adapters=True, norms=True),
    Way(adapters=True, norms=True),
    Way(checkpointing=True),
    Way(VARLEN, checkpointing=True),
    Way(VARLEN, adapters=True, norms=True, checkpointing=True),
    PADDED,  # again: what differs from the first time is noise
)
WAYS_EVEN = (WAYS[0], WAYS[1], WAYS[4], WAYS[5])


@dataclass(frozen=True)
class Found:
    """Seconds a batch, bytes at the peak beside what was there before the model, the loss of each
    batch, and the first one's gradient."""

    seconds: float
    peak: int
    losses: torch.Tensor
    gradient: torch.Tensor


def run(rows: Path, models: tuple[str, ...]) -> None:
    for name in models:
        with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
            folder = Path(place) / "model"
            try:
                make_model(load_catalog().model(name), folder)
                one_model(rows, name, folder)
            except Exception as error:  # a model that fails is a row, the others still run
                write_row(rows, Row("packing", name, "failed", note=repr(error)[:300]))
            remove(folder)
        release()


def one_model(rows: Path, name: str, folder: Path) -> None:
    before = torch.cuda.memory_allocated()
    mixed = examples(SHORTEST)
    with tempfile.TemporaryDirectory() as scratch:
        ours = our_trainer(folder, mixed, Path(scratch))
        ours.train()
        copy_adapter(ours)
        batches = list(ours.get_train_dataloader())[:BATCHES]
        padded = try_ways(rows, f"{name}, {SHORTEST} to {LONGEST} tokens", ours, batches, before)
        even = list(collated(ours, examples(LONGEST)))
        try_ways(rows, f"{name}, all of {LONGEST} tokens", ours, even, before, WAYS_EVEN)
        between = torch.cuda.memory_allocated()
        stock = stock_trainer(folder, mixed, Path(scratch), batch_size=BATCH, steps=1)
        stock.train()
        copy_adapter(ours, stock, noise=0.0)
        found = measured(stock, batches, between)
        what = f"{name}, {SHORTEST} to {LONGEST} tokens"
        report(rows, what, "stock TRL", found, padded, batches)
        against_float32(rows, what, folder, ours, stock, batches[0], Path(scratch))


def against_float32(
    rows: Path,
    what: str,
    folder: Path,
    ours: Any,
    stock: Any,
    batch: dict[str, torch.Tensor],
    scratch: Path,
) -> None:
    """How far the gradients of the ways, which round differently, are off the padded float32."""
    few = {name: given[:FEW].to(ours.args.device) for name, given in batch.items()}
    exact = our_trainer(folder, examples(SHORTEST), scratch, exact=True)
    copy_adapter(ours, exact, noise=0.0)
    truth = gradient(exact, few)
    del exact
    release()
    errors = {"stock TRL": gradient(stock, few)}
    for way in (PADDED, Way(VARLEN), Way(VARLEN, adapters=True, norms=True)):
        with taken(ours, way):
            errors[str(way)] = gradient(ours, few)
    told = ", ".join(
        f"{n} {float((g - truth).norm() / truth.norm()):.2%}" for n, g in errors.items()
    )
    write_row(rows, Row("packing", f"{what}, gradients off float32", told))


def try_ways(
    rows: Path,
    what: str,
    trainer: Any,
    batches: list[dict[str, torch.Tensor]],
    before: int,
    ways: tuple[Way, ...] = WAYS,
) -> Found:
    """What padding found; a row for every way."""
    padded: Found | None = None
    for way in ways:
        with taken(trainer, way):
            found = measured(trainer, batches, before)
        padded = padded or found
        report(rows, what, str(way), found, padded, batches)
    assert padded is not None
    return padded


@contextlib.contextmanager
def taken(trainer: Any, way: Way) -> Iterator[None]:
    """`trainer` takes `way`; afterwards its layers are what they were."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    kinds = {module: type(module) for module in model.modules()}
    model.get_base_model().set_attn_implementation(way.attention)
    trainer.padding_free = way.attention != "sdpa"
    if way.adapters:
        fuse_lora(model)
    if way.norms:
        fuse_norms(model)
    if way.checkpointing:
        settings = {"use_reentrant": False}
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=settings)
    try:
        yield
    finally:
        for module, kind in kinds.items():
            if type(module) is not kind:
                module.__class__ = kind
        if way.checkpointing:
            model.gradient_checkpointing_disable()


def measured(trainer: Any, batches: list[dict[str, torch.Tensor]], before: int) -> Found:
    """One batch to warm up, then all of them. Weights stay as they are."""
    release()
    model = trainer.model.train()
    torch.cuda.reset_peak_memory_stats()
    one_batch(trainer, batches[0])
    named = sorted((n, p.grad) for n, p in model.named_parameters() if p.requires_grad)
    gradient = torch.cat([grad.float().flatten() for _, grad in named]).cpu()
    named.clear()
    for batch in batches[1:]:  # padded, each length is compiled for when it is first met
        one_batch(trainer, batch)
    model.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    began = time.perf_counter()
    losses = []
    for batch in batches:
        losses.append(one_batch(trainer, batch))
        model.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    return Found(
        seconds=(time.perf_counter() - began) / len(batches),
        peak=torch.cuda.max_memory_allocated() - before,
        losses=torch.stack(losses).float().cpu(),
        gradient=gradient,
    )


def one_batch(trainer: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    items = (batch["labels"][:, 1:] != -100).sum()
    loss: torch.Tensor = trainer.training_step(trainer.model, dict(batch), items)
    return loss.detach()


def report(
    rows: Path,
    what: str,
    how: str,
    found: Found,
    padded: Found,
    batches: list[dict[str, torch.Tensor]],
) -> None:
    tokens = sum(int(batch["attention_mask"].sum()) for batch in batches)
    places = sum(batch["attention_mask"].numel() for batch in batches)
    off = (found.losses - padded.losses).abs().max()
    cosine = torch.cosine_similarity(found.gradient.double(), padded.gradient.double(), dim=0)
    write_row(
        rows,
        Row(
            "packing",
            f"{what}, {how}",
            f"{found.seconds:.3f} s, {tokens / len(batches) / found.seconds:,.0f} tokens/s",
            f"padded {padded.seconds:.3f} s",
            f"{padded.seconds / found.seconds:.2f} x",
            f"peak {found.peak / GB:.2f} GB; {1 - tokens / places:.0%} of a batch is padding; "
            f"losses {float(found.losses.min()):.3f} to {float(found.losses.max()):.3f}, off by "
            f"{float(off):.4f}, 1 - cosine of the gradients {1 - float(cosine):.1e}",
        ),
    )


def our_trainer(
    folder: Path, mixed: tuple[Example, ...], scratch: Path, *, exact: bool = False
) -> Any:
    """Our trainer on unpacked NF4 weights, nothing else chosen yet; `exact`: all in float32."""
    config = TrainingConfig(
        base_model=folder,
        data=folder,
        output=folder,
        steps=1,
        batch_size=BATCH,
        max_length=LONGEST,
    )
    plan = TrainingPlan(
        device="cuda",
        dtype="bfloat16",
        quantise=True,
        unpack_once=True,
        parts=1,
        reasons=(),
    )
    tokenizer, dataset = tokenised(config, mixed)
    base = load_base(folder, plan)
    if exact:
        base, plan = base.float(), replace(plan, dtype="float32")
    return make_trainer(config, plan, base, tokenizer, dataset, scratch)


def collated(trainer: Any, given: tuple[Example, ...]) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of other examples, as the trainer's own."""
    tokenizer = trainer.processing_class
    for start in range(0, len(given), BATCH):
        texts = [e.prompt + e.completion for e in given[start : start + BATCH]]
        ids = torch.tensor(tokenizer(texts)["input_ids"], device=trainer.args.device)
        labels = ids.clone()
        labels[:, : LONGEST // 4] = -100
        yield {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def examples(shortest: int) -> tuple[Example, ...]:
    """Of `shortest` to `LONGEST` tokens, each length as likely; a quarter is not supervised."""
    draw = random.Random(0)

    def words(count: int) -> str:
        return " ".join(f"w{draw.randrange(2, WORDS)}" for _ in range(count))

    lengths = [draw.randint(shortest, LONGEST) for _ in range(BATCH * BATCHES)]
    return tuple(
        Example(words(length // 4), " " + words(length - length // 4 - 1)) for length in lengths
    )
