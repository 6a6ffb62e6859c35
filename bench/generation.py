"""The same requests put to ptb-lite's model class and to lm-eval's own, in one process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from ptb_lite.evaluation.engine.lm.model import FollowedLM
from ptb_lite.evaluation.engine.model_loading import (
    contiguous_head_input,
    load_base,
    load_model,
    load_tokenizer,
    merge_into,
)
from ptb_lite.evaluation.items.splits import ItemFiles

# Sizes tried for the peer. `auto` is not among them: it first runs 64 rows of the model's whole
# context of 32,768 tokens, whose scores alone are 1.1 TB, and would halve from there for hours.
SIZES = (1, 8, 16, 32, 64)
# What the plan takes on a CPU where memory allows.
OUR_SIZE = 64
ROUNDS = 2
T = TypeVar("T")


@dataclass(frozen=True)
class Timed:
    """What both made of the same requests, in seconds; `size` is the peer's best batch size."""

    ours: list[Any]
    theirs: list[Any]
    our_seconds: float
    their_seconds: float
    size: int
    tried: str

    @property
    def ratio(self) -> float:
        return self.their_seconds / self.our_seconds


def task_requests(
    definition: Path, items: ItemFiles, *, shots: int, limit: int
) -> tuple[Any, list[Instance]]:
    """The lm-eval task of a file and its requests for the first `limit` items."""
    metadata = {"items": str(items.test.path), "shots": str(items.train.path)}
    manager = TaskManager(include_defaults=False, metadata=metadata)
    (task,) = manager.load([str(definition)])["tasks"].values()
    task.set_config(key="num_fewshot", value=shots)
    task.set_fewshot_seed(seed=1234)
    task.build_all_requests(limit=limit)
    return task, task.instances


def our_lm(model: Path, adapter: Path | None = None, *, merged: bool = False) -> FollowedLM:
    """`merged`: the adapter in the weights, as it would be faster and may be another model."""
    if merged:
        assert adapter is not None
        loaded = merge_into(load_base(model, dtype="bfloat16", device="cpu"), adapter)[0].eval()
        contiguous_head_input(loaded)
    else:
        loaded = load_model(model, adapter, dtype="bfloat16", device="cpu")
    return FollowedLM(
        loaded,
        load_tokenizer(model),
        batch_size=OUR_SIZE,
        on_rows=lambda _: None,
        on_warning=print,
        rows_restarted=lambda: None,
    )


def stock_lm(model: Path, adapter: Path | None = None) -> HFLM:
    """As `lm_eval --model hf` makes it, with `peft=` where there is an adapter."""
    given = {} if adapter is None else {"peft": str(adapter)}
    return HFLM(pretrained=str(model), dtype="bfloat16", device="cpu", **given)


def best_size(
    lm: HFLM,
    requests: Sequence[Instance],
    ask: Callable[[HFLM, Sequence[Instance]], object],
    sizes: Sequence[int] = SIZES,
) -> tuple[int, str]:
    """The peer's fastest batch size on `requests`, and what each took."""
    seconds = {}
    for size in sizes:
        lm.batch_size_per_gpu = size
        _, seconds[size] = timed(lambda: ask(lm, requests))
    tried = ", ".join(f"{size}: {taken:.1f} s" for size, taken in seconds.items())
    return min(seconds, key=lambda size: seconds[size]), tried


def compare(
    ours: FollowedLM,
    stock: HFLM,
    requests: list[Instance],
    few: list[Instance],
    ask: Callable[[HFLM, Sequence[Instance]], list[Any]],
    sizes: Sequence[int] = SIZES,
) -> Timed:
    """Both twice, in turn, the less disturbed run of each; the peer at its best size of `few`."""
    size, tried = best_size(stock, few, ask, sizes)
    stock.batch_size_per_gpu = size
    our_seconds, their_seconds = [], []
    for _ in range(ROUNDS):
        made, seconds = timed(lambda: ask(ours, requests))
        our_seconds.append(seconds)
        theirs, seconds = timed(lambda: ask(stock, requests))
        their_seconds.append(seconds)
    return Timed(made, theirs, min(our_seconds), min(their_seconds), size, tried)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began
