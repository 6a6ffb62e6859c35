"""Gradients of every way to run the layers, kind by kind, beside those of plain eager float32."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.gpu_check.models import make_model, remove
from bench.gpu_check.packing import examples
from bench.gpu_check.rows import Row, write_row
from bench.gpu_check.training import release
from ptb_lite.catalog import load_catalog
from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.kernels.fused_norm import fuse_norms
from ptb_lite.training.planning.plan import TrainingPlan
from ptb_lite.training.train import make_trainer, tokenised
from tests.functional.training.gradients import COSINE, NORM, compared, grouped_gradients
from tests.functional.training.stock import copy_adapter

MODELS = ("qwen3-0.6b-base", "gemma-3-1b-pt")
TOKENS = 640  # more than Gemma's window
ALL = 1000
PLAIN = TrainingPlan(
    device="cuda",
    dtype="bfloat16",
    quantise=True,
    unpack_once=True,
    parts=1,
    reasons=(),
    fused=False,
)
COMPILED: dict[str, Any] = {"fused": True, "compiled": True}
PACKED: dict[str, Any] = {"unpack_once": False, "checkpointed_layers": ALL}
VARLEN: dict[str, Any] = {"attention": "ptb_lite_varlen", "padding_free": True}
EAGER = "eager, PEFT's layers"
WAYS: dict[str, dict[str, Any]] = {
    EAGER: {},
    "eager, fused": {"fused": True},
    "eager, fused, packed, checkpointed": {"fused": True, **PACKED},
    "compiled": COMPILED,
    "compiled, packed, checkpointed": {**COMPILED, **PACKED},
    "compiled, packed, checkpointed, 2 parts": {**COMPILED, **PACKED, "parts": 2},
    "compiled, padding-free": {**COMPILED, **VARLEN},
    "compiled, padding-free, packed, checkpointed": {**COMPILED, **PACKED, **VARLEN},
}


def run(rows: Path, models: tuple[str, ...]) -> None:
    """A row for each way; raises AssertionError where a way is wrong, or the check misses a fault
    that is known (fused norms under compile on torch 2.11)."""
    wrong = []
    for name in models:
        with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
            folder = make_model(load_catalog().model(name), Path(place) / "model")
            wrong += [f"{name}, {way}" for way in one_model(rows, name, folder, Path(place))]
            remove(folder)
    if wrong:
        raise AssertionError(f"wrong gradients: {'; '.join(wrong)}")


def one_model(rows: Path, name: str, folder: Path, place: Path) -> list[str]:
    """The ways that are wrong."""
    config = TrainingConfig(
        base_model=folder, data=folder, output=folder, steps=1, batch_size=2, max_length=TOKENS
    )
    tokenizer, dataset = tokenised(config, examples(TOKENS))

    def trainer(plan: TrainingPlan, *, exact: bool = False) -> Any:
        base = load_base(folder, plan)
        if exact:
            base, plan = base.float(), replace(plan, dtype="float32")
        return make_trainer(config, plan, base, tokenizer, dataset, place, on_fallback=_failed)

    exact = trainer(PLAIN, exact=True)
    copy_adapter(exact)
    batch = next(iter(exact.get_train_dataloader()))
    truth = grouped_gradients(exact, batch)
    wrong = []
    rounding = 0.0
    for way, changes in (*WAYS.items(), ("compiled, fused norms", COMPILED)):
        ours = trainer(replace(PLAIN, **changes))
        copy_adapter(exact, ours, noise=0.0)
        if way == "compiled, fused norms":
            fuse_norms(ours.accelerator.unwrap_model(ours.model))
        found = compared(grouped_gradients(ours, batch), truth)
        group, worst = min(found.items(), key=lambda item: item[1].cosine)
        off = max(abs(one.norm_ratio - 1) for one in found.values())
        if way == EAGER:
            rounding = off
        # Norms may be off by what rounding to bfloat16 does to PEFT's own layers, or 1 %.
        right = worst.cosine > COSINE and off < max(NORM, 1.5 * rounding)
        verdict = "right" if right else "wrong"
        note = f"least cosine {worst.cosine:.5f} ({group}), norms within {off:.2%}"
        write_row(rows, Row("gradients", f"{name}, {way}", verdict, note=note))
        if verdict == "wrong" and way in WAYS:
            wrong.append(way)
        del ours
        release()
    return wrong


def _failed(reason: str) -> None:
    raise AssertionError(f"not compiled: {reason}")
