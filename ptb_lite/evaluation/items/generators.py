"""Questions and answers from reasoning-gym's generators, worded short and plain.

One function per generator: reasoning-gym draws the content (its entry's `metadata`), the wording
is ours, so that a question fits in a line. Stojanovski et al. 2025, "Reasoning Gym".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import reasoning_gym
from pydantic import JsonValue

from ptb_lite.evaluation.errors import ItemsError


@dataclass(frozen=True)
class Draft:
    """A question with its answer, before it belongs to a split."""

    question: str
    target: str
    metadata: dict[str, JsonValue] = field(default_factory=dict)


Wording = Callable[[Mapping[str, Any]], Draft]


def draw(
    generator: str, options: Mapping[str, object], *, seed: int, count: int
) -> Iterator[Draft]:
    """Up to `count` drafts; the same for the same arguments, on every machine.

    Raises `ItemsError` for a generator without a wording or options that it refuses.
    """
    wording = WORDINGS.get(generator)
    if wording is None:
        raise ItemsError(
            f"no generator named {generator!r}",
            field="generator",
            hint=f"Known: {', '.join(sorted(WORDINGS))}",
        )
    try:
        dataset = reasoning_gym.create_dataset(generator, size=count, seed=seed, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise ItemsError(f"{generator} refuses them: {error}", field="generator_options") from error
    # Lazily: far fewer than `count` are taken when questions rarely repeat.
    return (wording(dataset[index]) for index in range(count))


def _sum(entry: Mapping[str, Any]) -> Draft:
    return Draft(f"{entry['metadata']['expression']} = ?", entry["answer"])


def _kinship(entry: Mapping[str, Any]) -> Draft:
    story = " ".join(entry["question"].split("\n\n")[0].split())
    drawn = entry["metadata"]
    return Draft(
        f"{story} What is {drawn['person1']} to {drawn['person2']}?",
        entry["answer"],
        {"people": drawn["family_size"]},
    )


_FAMILY = re.compile(r"(\w+) has (\d+ \w+) and she also has (\d+ \w+)\.")


def _sisters(entry: Mapping[str, Any]) -> Draft:
    found = _FAMILY.match(entry["question"])
    if found is None:
        raise ItemsError(
            "the wording is for questions about siblings",
            field="generator_options",
            hint="Set task_type_weights: [1.0, 0.0, 0.0]",
        )
    name, first, second = found.groups()
    # One wording: reasoning-gym's second one asks about a brother of somebody not mentioned.
    return Draft(
        f"{name} has {first} and {second}. How many sisters does {name}'s brother have?",
        entry["answer"],
    )


def _filter(entry: Mapping[str, Any]) -> Draft:
    drawn = entry["metadata"]
    verb, relation = drawn["operation"].split("_")
    return Draft(
        f"{verb.capitalize()} the numbers {relation} than {drawn['filter_value']}: "
        + ", ".join(drawn["original_numbers"]),
        ", ".join(drawn["result"]) or "none",
    )


WORDINGS: Mapping[str, Wording] = {
    "aiw": _sisters,
    "chain_sum": _sum,
    "family_relationships": _kinship,
    "number_filtering": _filter,
}
