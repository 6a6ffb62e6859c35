"""The questions of procedural benchmarks, drawn by a seed and worded in one line.

The content is that of four generators of reasoning-gym 0.1.25 (Stojanovski et al. 2025, "Reasoning
Gym"), draw for draw: the same seed and options give the same numbers, names and answers, so scores
compare with runs that used that package. It is not needed here: it brings a solver that only a
compiler can install.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from pydantic import JsonValue

from ptb_lite.errors import suggestion
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.kinship import Family, FamilyOptions

CONTENT = "0.1.25"
"""The version of reasoning-gym whose draws these are; part of what identifies drawn items."""


@dataclass(frozen=True)
class Draft:
    """A question with its answer, before it belongs to a split."""

    question: str
    target: str
    metadata: dict[str, JsonValue] = field(default_factory=dict)


def draw(
    generator: str, options: Mapping[str, object], *, seed: int, count: int
) -> Iterator[Draft]:
    """Up to `count` drafts; the same for the same arguments, on every machine.

    Draft i comes from `Random(seed + i)`. Raises `ItemsError` for an unknown generator or options
    that it refuses.
    """
    make = GENERATORS.get(generator)
    if make is None:
        raise ItemsError(
            f"no generator named {generator!r}",
            field="generator",
            hint=suggestion(generator, sorted(GENERATORS)),
        )
    try:
        one = make(options)
    except (TypeError, ValueError) as error:
        raise ItemsError(f"{generator} refuses them: {error}", field="generator_options") from error
    # Lazily: far fewer than `count` are taken when questions rarely repeat.
    return (one(Random(seed + index)) for index in range(count))


@dataclass(frozen=True)
class SumOptions:
    """Options of `chain_sum`: how many terms, of how many digits each."""

    min_terms: int = 2
    max_terms: int = 6
    min_digits: int = 1
    max_digits: int = 4
    allow_negation: bool = False

    def __post_init__(self) -> None:
        _check_range("min_terms", self.min_terms, self.max_terms, lowest=1)
        _check_range("min_digits", self.min_digits, self.max_digits, lowest=1)

    def draft(self, chance: Random) -> Draft:
        """Sums and differences of numbers that all have as many digits."""
        terms = chance.randint(self.min_terms, self.max_terms)
        digits = chance.randint(self.min_digits, self.max_digits)
        highest = 10**digits - 1
        lowest = 0 if digits == 1 else 10 ** (digits - 1)
        if self.allow_negation:
            lowest = -highest
        numbers = [chance.randint(lowest, highest) for _ in range(terms)]
        signs = [chance.choice("+-") for _ in range(terms - 1)]
        text, total = str(numbers[0]), numbers[0]
        for sign, number in zip(signs, numbers[1:], strict=True):
            text += f" {sign} {number}"
            total += number if sign == "+" else -number
        return Draft(f"{text} = ?", str(total))


_BROTHERS = "James John Robert Michael William David Richard Joseph Thomas Charles Bob"
_SISTERS = "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Margaret Alice"


@dataclass(frozen=True)
class SistersOptions:
    """Options of `aiw`: the names, and how many siblings at most. Only questions about siblings."""

    male_names: tuple[str, ...] = tuple(_BROTHERS.split())
    female_names: tuple[str, ...] = tuple(_SISTERS.split())
    task_type_weights: tuple[float, ...] = (1 / 3, 1 / 3, 1 / 3)
    max_entities: int = 6

    def __post_init__(self) -> None:
        _check_range("max_entities", self.max_entities, self.max_entities, lowest=1)
        if not self.male_names or not self.female_names:
            raise ValueError("male_names and female_names may not be empty")
        weights = tuple(self.task_type_weights)
        if len(weights) != 3 or weights[0] <= 0 or any(weights[1:]):
            raise ValueError(
                "the wording is for questions about siblings; set task_type_weights: "
                "[1.0, 0.0, 0.0]"
            )

    def draft(self, chance: Random) -> Draft:
        """How many sisters the brother of a girl has ("Alice in Wonderland", Nezhurina 2024)."""
        chance.random()  # chose the kind of question
        name = chance.choice(self.female_names)
        chance.choice(self.male_names)
        brothers = chance.randint(1, self.max_entities)
        sisters = chance.randint(1, self.max_entities)
        counts = [f"{brothers} brothers", f"{sisters} sisters"]
        # One wording of the end: the second one asks about a brother of somebody not mentioned.
        first, second = chance.choice((counts, counts[::-1]))
        return Draft(
            f"{name} has {first} and {second}. How many sisters does {name}'s brother have?",
            str(sisters + 1),
        )


@dataclass(frozen=True)
class FilterOptions:
    """Options of `number_filtering`: how many numbers, between which values, how precise."""

    min_numbers: int = 3
    max_numbers: int = 10
    min_decimals: int = 0
    max_decimals: int = 4
    min_value: float = -100.0
    max_value: float = 100.0

    def __post_init__(self) -> None:
        _check_range("min_numbers", self.min_numbers, self.max_numbers, lowest=1)
        _check_range("min_decimals", self.min_decimals, self.max_decimals, lowest=0)
        if not self.max_value > self.min_value:
            raise ValueError("max_value must be above min_value")

    def draft(self, chance: Random) -> Draft:
        """Keep or remove the numbers of a list above or below a value."""
        texts = [
            self._number(chance, self.min_value, self.max_value)
            for _ in range(chance.randint(self.min_numbers, self.max_numbers))
        ]
        numbers = [float(text) for text in texts]
        limit = self._number(chance, min(numbers), max(numbers))
        larger, keep = chance.choice((True, False)), chance.choice((True, False))

        def stays(number: float) -> bool:
            beyond = number > float(limit) if larger else number < float(limit)
            return beyond if keep else not beyond

        # The text of the first equal number, as upstream: 3.0 and 3.00 are one value.
        kept = [texts[numbers.index(number)] for number in numbers if stays(number)]
        verb, relation = "Keep" if keep else "Remove", "larger" if larger else "smaller"
        return Draft(
            f"{verb} the numbers {relation} than {limit}: {', '.join(texts)}",
            ", ".join(kept) or "none",
        )

    def _number(self, chance: Random, lowest: float, highest: float) -> str:
        number = chance.uniform(lowest, highest)
        return f"{number:.{chance.randint(self.min_decimals, self.max_decimals)}f}"


def _kinship(options: FamilyOptions, chance: Random) -> Draft:
    family = Family.drawn(options, chance)
    first, second, relation = family.related_pair(chance)
    return Draft(
        f"{family.story()} What is {first} to {second}?",
        relation,
        {"people": len(family.people)},
    )


def _check_range(name: str, low: int, high: int, *, lowest: int) -> None:
    if not lowest <= low <= high:
        raise ValueError(f"{name} must be at least {lowest} and not above its maximum")


def _family(options: Mapping[str, object]) -> Callable[[Random], Draft]:
    chosen = FamilyOptions(**options)  # type: ignore[arg-type]
    return lambda chance: _kinship(chosen, chance)


GENERATORS: Mapping[str, Callable[[Mapping[str, object]], Callable[[Random], Draft]]] = {
    "aiw": lambda options: SistersOptions(**options).draft,  # type: ignore[arg-type]
    "chain_sum": lambda options: SumOptions(**options).draft,  # type: ignore[arg-type]
    "family_relationships": _family,
    "number_filtering": lambda options: FilterOptions(**options).draft,  # type: ignore[arg-type]
}
