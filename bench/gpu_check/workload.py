"""The examples of a training step that is measured, the same for every trainer."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from bench.gpu_check.floor import step_operations
from bench.gpu_check.models import WORDS
from ptb_lite.training.data import Example
from ptb_lite.training.planning.cost import ModelShape

Lengths = Literal["even", "mixed"]
SHORTEST, LONGEST = 64, 1024
BATCH = 16  # as the recipe agent asks for
STEPS = 12
# First steps compile, the second batch of another size once more, and allocators settle.
SKIPPED = 5


def examples(lengths: Lengths = "even", steps: int = STEPS) -> tuple[Example, ...]:
    """`steps` batches of `LONGEST` tokens each, or of any length from `SHORTEST` on; of an example
    the first quarter is not supervised."""
    draw = random.Random(0)

    def words(count: int) -> str:
        return " ".join(f"w{draw.randrange(2, WORDS)}" for _ in range(count))

    made = []
    for _ in range(BATCH * steps):
        size = LONGEST if lengths == "even" else draw.randint(SHORTEST, LONGEST)
        made.append(Example(words(size // 4), " " + words(size - size // 4 - 1)))
    return tuple(made)


def tokens_of(one: Example) -> int:
    """With the end-of-sequence token."""
    return len(one.prompt.split()) + len(one.completion.split()) + 1


def mean_operations(shape: ModelShape, made: Sequence[Example]) -> float:
    """What the mean step must at least compute (`step_operations`)."""
    total = 0.0
    for one in made:
        tokens = tokens_of(one)
        supervised = tokens - len(one.prompt.split())
        total += step_operations(shape, tokens=tokens, sequence=tokens, supervised=supervised)
    return total * BATCH / len(made)
