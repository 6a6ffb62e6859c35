"""What a benchmark is: the plugins of the group `ptb_lite.benchmarks`, found by their ids.

Everything about a benchmark stands in its plugin. A person's own procedural entry
(benchmarks.yaml) has none: it is graded as the built-in procedural ones are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from pydantic import JsonValue

from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources
from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.errors import suggestion
from ptb_lite.evaluation.family import Family, Refusal
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.rewording import reworded
from ptb_lite.plugins import PluginError, find, names, target

Row = Mapping[str, Any]
GENERIC = "add-numbers"
"""The plugin that stands for any procedural benchmark: they ask and grade alike."""


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
    """A benchmark's plugin. All functions are pure but `judge`, which may run code in a sandbox."""

    entry: BenchmarkEntry
    """Title, sizes, data, the answer's length: what the catalogue lists."""
    item: Callable[[Row], Item | None]
    """A row of the published dataset as an Item, None for a row that is not of this benchmark; its
    id and stratum (`metadata["stratum"]`) must not depend on the row's place."""
    chat: Callable[[Item], tuple[ChatMessage, ...]]
    """What a model is asked in a chat template."""
    plain: Callable[[Item], str]
    """What a base model completes without one."""
    solved: Callable[[Item], str]
    """What a perfect model writes after `plain`; few-shot examples are the two together."""
    reply: Callable[[Item], str]
    """A perfect answer in a chat."""
    judge: Callable[[Item, str], Judged]
    """An item and a completion, graded."""
    stop: tuple[str, ...]
    """What ends a plain completion."""
    judge_all: Callable[[Sequence[tuple[Item, str]]], tuple[Judged, ...]] | None = None
    """The same for many at once, where that is faster."""
    notes: Callable[[], Mapping[str, JsonValue]] = dict
    """What of this machine decided the grades: part of every result."""
    sources: BenchmarkSources | None = None
    """Where its test items are known to lie, for the audit."""
    siblings: Callable[[Item, int], Family | Refusal] | None = None
    """Fresh items of equal difficulty made from one, for the audit; takes an item and a seed."""
    reword: Callable[[str], str] = reworded
    """A question in slightly other words, the answer unchanged, for the audit."""

    @property
    def id(self) -> str:
        return self.entry.id


_TARGETS: dict[str, str] = {}


def find_benchmark(benchmark: str, kind: str | None = None) -> Benchmark:
    """The benchmark of that id. A person's own that is of the kind `procedural` needs no plugin.

    Raises PluginError, with the ids near it, where there is none, and where its plugin is broken.
    """
    known = (*_TARGETS, *names("benchmarks"))
    name = GENERIC if kind == "procedural" and benchmark not in known else benchmark
    if name not in known:
        raise PluginError(
            f"there is no benchmark '{name[:80]}'",
            field="benchmark",
            hint=suggestion(name, known),
        )
    if name in _TARGETS:
        module, _, attribute = _TARGETS[name].partition(":")
        imported: Benchmark = getattr(import_module(module), attribute)
        return imported
    found: Benchmark = find("benchmarks", name, Benchmark).value
    return found


def targets(benchmarks: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """Where the plugins of these benchmarks (id and kind) are imported from, as MODULE:NAME."""
    wanted = (find_benchmark(one, kind).id for one, kind in benchmarks)
    return {name: target("benchmarks", name) for name in wanted}


def use_targets(known: Mapping[str, str]) -> None:
    """Find these benchmarks by import from now on: for an environment without the packages'
    metadata, such as vLLM's own."""
    _TARGETS.update(known)


def judge_all(benchmark: Benchmark, answers: Sequence[tuple[Item, str]]) -> tuple[Judged, ...]:
    """Every judgement in the order of `answers`; at once where the benchmark can do that."""
    if benchmark.judge_all is not None:
        return benchmark.judge_all(answers)
    return tuple(benchmark.judge(item, completion) for item, completion in answers)
