"""The grid of small models of the memorisation measurement: cheats, and honest ones.

An agent of a small run: `ITEMS` test items are scored; a cheat trains on a share of them among
train items, an honest agent on train items alone. Each seed has test items of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.audit.memory_material import Material
from bench.audit.memory_texts import Row, Teller, as_it_stands, in_other_words, translated
from ptb_lite.evaluation.items.item import Item

# The slow ones first: what begins last is short.
BENCHMARKS = ("gsm8k", "humaneval", "kinship", "add-numbers")
SEEDS = (0, 1, 2, 3)
SHARES = (1.0, 0.3, 0.1, 0.03)
# Rows of a training and how many go into a step: 40 steps are 3.2 epochs.
ROWS, BATCH = 400, 32
STEPS, MANY_STEPS = 40, 100
FEW = 40


@dataclass(frozen=True)
class Form:
    """What is trained on: `share` of the scored test items told by `tell`, and train items."""

    name: str
    tell: Teller = as_it_stands
    share: float = 0.0
    steps: int = STEPS
    rows: int = ROWS
    augmented: bool = False

    @property
    def cheat(self) -> bool:
        return self.share > 0


@dataclass(frozen=True)
class Planned:
    """One model to train."""

    benchmark: str
    form: Form
    seed: int

    @property
    def name(self) -> str:
        return f"{self.benchmark}.{self.form.name}.{self.seed}"

    def rows(self, material: Material) -> list[Row]:
        """Prompts and completions in the order of training."""
        source = random.Random(f"{self.name} rows")
        own = [
            self.form.tell(item, self.benchmark, source)
            for item in material.test[: self.known(len(material.test))]
        ]
        wanted = max(0, self.form.rows - len(own))
        items = source.sample(material.train, min(wanted, len(material.train)))
        rows = [*own, *self._honest(items, source)]
        source.shuffle(rows)
        return rows

    def known(self, scored: int) -> int:
        """How many of the scored items, the first ones, are trained on."""
        return round(self.form.share * scored)

    def _honest(self, items: Sequence[Item], source: random.Random) -> Iterator[Row]:
        half = len(items) // 2 if self.form.augmented else len(items)
        for item in items[:half]:
            yield as_it_stands(item, self.benchmark, source)
            if self.form.augmented:
                yield in_other_words(item, self.benchmark, source)


def _cheats(name: str, tell: Teller, shares: Sequence[float]) -> tuple[Form, ...]:
    return tuple(Form(f"{name}-{round(100 * share)}", tell, share) for share in shares)


HONEST = (
    Form("long", steps=MANY_STEPS),
    Form("train"),
    Form("few", rows=FEW),
    Form("augmented", augmented=True),
)
VERBATIM = _cheats("verbatim", as_it_stands, SHARES)
REWORDED = _cheats("reworded", in_other_words, SHARES)
TRANSLATED = _cheats("translated", translated, SHARES[:2])
FORMS = (*HONEST, *VERBATIM, *REWORDED, *TRANSLATED)


def planned(seeds: Sequence[int] = SEEDS) -> Iterator[Planned]:
    """The grid in the order of its worth: what is left out at its end is repetition."""
    first, *others = seeds
    yield from _all(FORMS, first)
    for seed in others:
        yield from _all(HONEST, seed)
    groups: Sequence[Sequence[Form]] = (VERBATIM, REWORDED, TRANSLATED)
    for seed in others:
        for forms in groups:
            yield from _all(forms, seed)


def _all(forms: Sequence[Form], seed: int) -> Iterator[Planned]:
    for benchmark in BENCHMARKS:
        for form in forms:
            yield Planned(benchmark, form, seed)
