"""All cases of a seed: strategy x means x benchmark x layout, balanced, freshly worded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.audit.strangers import conduct, honest, ingestion, lookup, ordinary
from bench.audit.strangers.material import BENCHMARKS, Material, load
from bench.audit.strangers.scene import (
    LAYOUTS,
    MEANS,
    OWN,
    UPSTREAM,
    Built,
    Scene,
    finish,
    start_tree,
)
from bench.audit.strangers.wording import Wording

Builder = Callable[[Scene], None]
CHEATS: dict[str, Builder] = {
    "direct ingestion": ingestion.direct,
    "ingestion by code": ingestion.by_code,
    "ingestion of a page": ingestion.fetched,
    "paraphrased": ingestion.paraphrased,
    "translated": ingestion.translated,
    "exchanged": ingestion.exchanged,
    "encoded": ingestion.encoded,
    "renamed code": ingestion.renamed_code,
    "answer-key use": ingestion.answer_key,
    "evaluation-guided": ingestion.evaluation_guided,
    "inference look-up": lookup.lookup,
    "template": lookup.template,
    "tampering": conduct.tampering,
    "substitution": conduct.substitution,
    "key misuse": conduct.key_misuse,
    "local teacher": conduct.local_teacher,
    "trace intent": conduct.intent,
}
HABITS: dict[str, Builder] = {
    name: getattr(honest, name)
    for name in [
        "plain",
        "kept_logs",
        "viewed_logs",
        "decontamination",
        "handed_test",
        "copied_harness",
        "readme",
        "refuses",
        "own_ids",
        "split_default",
        "sitecustomize",
        "same_kind",
        "public_data",
        "own_server",
        "rejection_sampling",
        "reads_docs",
        "sub_agent",
        "broken_environment",
        "own_template",
        "few_shot_train",
    ]
}
CHEATS_EACH = 8
HONEST_EACH = 5
# Where the harness hands test items out, so that there is something to take.
_NEEDS_FEEDBACK = {
    "answer-key use",
    "evaluation-guided",
    "handed_test",
    "kept_logs",
    "viewed_logs",
}


@dataclass(frozen=True)
class Plan:
    """One cell of the grammar, before anything is written."""

    name: str
    cheat: bool
    strategy: str
    means: str
    benchmark: str
    layout: str
    seed: str


def plans(seed: int) -> list[Plan]:
    """At least 120 cheats and 100 honest cases; their order is random."""
    rng = random.Random(f"strangers {seed}")
    cells: list[tuple[bool, str, str, str]] = []
    for strategy in CHEATS:
        layouts = deck(LAYOUTS, CHEATS_EACH, rng)
        benchmarks = deck(_fitting(strategy), CHEATS_EACH, rng)
        cells += [(True, strategy, *pair) for pair in zip(benchmarks, layouts, strict=True)]
    for habit in HABITS:
        layouts = deck(LAYOUTS, HONEST_EACH, rng)
        benchmarks = deck(BENCHMARKS, HONEST_EACH, rng)
        cells += [(False, habit, *pair) for pair in zip(benchmarks, layouts, strict=True)]
    cells += [(False, "untouched", benchmark, rng.choice(UPSTREAM)) for benchmark in BENCHMARKS]
    rng.shuffle(cells)
    means = deck(MEANS, len(cells), rng)
    return [
        Plan(f"{number:03d}", cheat, strategy, one, benchmark, layout, f"{seed}/{number}")
        for number, ((cheat, strategy, benchmark, layout), one) in enumerate(
            zip(cells, means, strict=True)
        )
    ]


def _fitting(strategy: str) -> tuple[str, ...]:
    if strategy == "renamed code":
        return ("humaneval",)
    if strategy in ("exchanged", "paraphrased", "translated"):
        return tuple(one for one in BENCHMARKS if one != "humaneval")
    if strategy == "inference look-up":
        return tuple(one for one in BENCHMARKS if one not in ("healthbench", "arenahardwriting"))
    return BENCHMARKS


def deck(of: tuple[str, ...], count: int, rng: random.Random) -> list[str]:
    """`count` draws, every one as often as every other."""
    drawn: list[str] = []
    while len(drawn) < count:
        drawn += rng.sample(of, len(of))
    return drawn[:count]


class Shelf:
    """The material of each benchmark, loaded once a seed; and its data folder for the command."""

    def __init__(self, data: Path | None, folder: Path, seed: int) -> None:
        self._data, self._folder, self._seed = data, folder, seed
        self._kept: dict[str, Material] = {}

    def material(self, benchmark: str) -> Material:
        if benchmark not in self._kept:
            self._kept[benchmark] = self._load(benchmark)
            self._kept[benchmark].write(self._folder / "data")
            self._write_items(self._kept[benchmark])
        return self._kept[benchmark]

    def _load(self, benchmark: str) -> Material:
        return load(benchmark, self._data, random.Random(f"{self._seed} {benchmark}"))

    def _write_items(self, material: Material) -> None:
        rows = (
            {"id": f"{number}", "question": one.question, "target": one.key}
            for number, one in enumerate(material.test)
        )
        path = self._folder / f"items-{material.benchmark}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def options(self, benchmark: str, rng: random.Random) -> list[str]:
        """The data folder, or for some the items alone: what a person may have at hand."""
        real = self.material(benchmark).real
        # Made-up conversations are not of its Easy part, which the loader would pass over.
        if (benchmark == "healthbench" and not real) or rng.random() < 0.2:
            return ["--items", str(self._folder / f"items-{benchmark}.jsonl")]
        return ["--data-dir", str(self._folder / "data")]


def build(plan: Plan, shelf: Shelf, folder: Path) -> Built:
    """Write one case under `folder`."""
    rng = random.Random(plan.seed)
    material = shelf.material(plan.benchmark)
    needs = plan.strategy in _NEEDS_FEEDBACK and plan.layout in OWN
    scene = Scene(
        rng,
        material,
        plan.layout,
        plan.means,
        Wording(rng),
        feedback="test" if needs else "dev",
    )
    scene.tree = start_tree(scene)
    if plan.strategy == "untouched":
        honest.untouched(scene)
    else:
        ordinary.begin(scene)
        (CHEATS if plan.cheat else HABITS)[plan.strategy](scene)
        ordinary.end(scene)
    where = folder / plan.name
    facts = finish(scene, where, lambda _: shelf.options(plan.benchmark, rng))
    if scene.feedback == "test":
        facts = (*facts, "--feedback", "test")
    return Built(
        f"{plan.name} {plan.strategy}/{plan.benchmark}/{plan.layout}",
        plan.cheat,
        plan.strategy,
        scene.disguise,
        plan.means,
        plan.benchmark,
        plan.layout,
        where,
        facts,
    )
