"""What a benchmark is to the evaluation: how it asks, and how it judges an answer.

Each benchmark is a package under `benchmarks/` that defines `BENCHMARK`; whatever has none there is
a procedural one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Literal

from pydantic import JsonValue

from ptb_lite.evaluation.items.splits import Item

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ChatMessage:
    """One turn of a conversation, before a chat template is put around it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Judged:
    """A judgement: `score` in [0, 1], and what was read out of the completion (None: nothing).

    `score` is None where only a judge can give one. `also` holds scores by other rules that are
    shown beside it and never counted.
    """

    score: float | None
    extracted: str | None
    also: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Benchmark:
    """The functions of one benchmark. All are pure but `judge`, which may run code in a sandbox.

    `item` turns a row of the published dataset into an Item, or None for a row that is not of this
    benchmark; its id and stratum (`metadata["stratum"]`) must not depend on the row's place.
    `chat` is what a model is asked in a chat template; `plain` what a base model completes without
    one, and `solved` what a perfect model writes after `plain` (few-shot examples are the two
    together). `reply` is a perfect answer in a chat. `stop` ends a plain completion. `judge` takes
    an item and a completion.
    """

    id: str
    item: Callable[[Row], Item | None]
    chat: Callable[[Item], tuple[ChatMessage, ...]]
    plain: Callable[[Item], str]
    solved: Callable[[Item], str]
    reply: Callable[[Item], str]
    judge: Callable[[Item, str], Judged]
    stop: tuple[str, ...]
    judge_all: Callable[[Sequence[tuple[Item, str]]], tuple[Judged, ...]] | None = None
    notes: Callable[[], Mapping[str, JsonValue]] = dict


@lru_cache(maxsize=64)
def find_benchmark(benchmark: str) -> Benchmark:
    """The benchmark of that id; the procedural one where it has no package of its own."""
    name = benchmark if benchmark.isidentifier() else "procedural"
    package = f"ptb_lite.benchmarks.{name}"
    if find_spec(package) is None or not hasattr(importlib.import_module(package), "BENCHMARK"):
        package = "ptb_lite.benchmarks.procedural"
    found: Benchmark = importlib.import_module(package).BENCHMARK
    return found


def judge_all(benchmark: Benchmark, answers: Sequence[tuple[Item, str]]) -> tuple[Judged, ...]:
    """Every judgement in the order of `answers`; at once where the benchmark can do that."""
    if benchmark.judge_all is not None:
        return benchmark.judge_all(answers)
    return tuple(benchmark.judge(item, completion) for item, completion in answers)
