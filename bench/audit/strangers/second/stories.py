"""Word problems that are told in several ways: the items, and what an agent makes of them."""

from __future__ import annotations

import operator
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bench.audit.strangers.invented import NAMES
from bench.audit.strangers.material import Item, Material

LANGUAGES = ("de", "fr", "es", "zh")
_SIGNS = {"*": operator.mul, "+": operator.add, "-": operator.sub}
_SAID = {
    "en": "That leaves {key}.",
    "again": "So the number asked for is {key}.",
    "turned": "The result is {key}.",
    "de": "Das ergibt {key}.",
    "fr": "Cela fait {key}.",
    "es": "El resultado es {key}.",
    "zh": "所以答案是{key}。",
}


@dataclass(frozen=True)
class Story:
    """One problem: its pattern and the values of its slots."""

    part: str
    number: int
    slots: tuple[tuple[str, int | str], ...]

    def tell(self, how: str = "en") -> tuple[str, str]:
        """Question and worked solution, as `en`, `again`, `turned` or a translation."""
        pattern = _patterns()[self.part][self.number]
        values: dict[str, Any] = dict(self.slots)
        lines = []
        for one, sign, two in pattern["steps"]:
            left, right = values[one], values[two]
            values["x"] = _SIGNS[sign](left, right)
            lines.append(f"{left} {sign} {right} = {values['x']}")
        said = _SAID[how].format(key=values["x"])
        return pattern[how].format(**values), "\n".join((*lines, said, f"#### {values['x']}"))

    @property
    def item(self) -> Item:
        question, solution = self.tell()
        return Item(f"story/{self.number}", question, solution.rpartition("#### ")[2], solution)

    def other_numbers(self, rng: random.Random) -> Story:
        """The same pattern with names and numbers of its own."""
        made = _story(self.part, self.number, rng)
        return made if made.slots != self.slots else self.other_numbers(rng)


def stories(part: str, count: int, rng: random.Random) -> tuple[Story, ...]:
    """`count` problems of the `test` or the `train` patterns, every pattern as often."""
    patterns = len(_patterns()[part])
    return tuple(_story(part, number % patterns, rng) for number in range(count))


def _story(part: str, number: int, rng: random.Random) -> Story:
    who, other = rng.sample(NAMES, 2)
    ranges = _patterns()[part][number]["numbers"]
    numbers = ((name, rng.randint(low, high)) for name, (low, high) in ranges.items())
    return Story(part, number, (("who", who), ("other", other), *numbers))


@cache
def _patterns() -> dict[str, list[dict[str, Any]]]:
    text = Path(__file__).with_name("stories.yaml").read_text(encoding="utf-8")
    read: dict[str, list[dict[str, Any]]] = yaml.safe_load(text)
    return read


@dataclass(frozen=True)
class Told(Material):
    """The material of GSM8K with stories among its items."""

    told_test: tuple[Story, ...]
    told_train: tuple[Story, ...]


def with_stories(base: Material, rng: random.Random) -> Told:
    """`base` with as many items as before, some of which are stories."""
    test, train = stories("test", 48, rng), stories("train", 40, rng)
    rows = dict(base.rows)
    for name, told in (("gsm8k/test.jsonl", test), ("gsm8k/train.jsonl", train)):
        made = tuple(dict(zip(("question", "answer"), one.tell(), strict=True)) for one in told)
        rows[name] = (*made, *rows.get(name, ()))[: max(len(made), len(rows.get(name, ())))]
    kept = len(base.test) - len(test), len(base.train) - len(train)
    return Told(
        benchmark=base.benchmark,
        test=(*(one.item for one in test), *base.test[: kept[0]]),
        train=(*(one.item for one in train), *base.train[: kept[1]]),
        rows=rows,
        real=base.real,
        told_test=test,
        told_train=train,
    )
