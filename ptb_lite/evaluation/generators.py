"""Questions and answers from reasoning-gym's generators, worded short and plain.

One function per generator: reasoning-gym draws the content (its entry's `metadata`), the wording
is ours, so that a question fits in a line. Stojanovski et al. 2025, "Reasoning Gym".
"""

from __future__ import annotations

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


def _chain_sum(entry: Mapping[str, Any]) -> Draft:
    return Draft(f"{entry['metadata']['expression']} = ?", entry["answer"])


WORDINGS: Mapping[str, Wording] = {
    "chain_sum": _chain_sum,
}
