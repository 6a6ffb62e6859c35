"""The percentile bootstrap (Efron and Tibshirani 1993, chapter 13), once."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from ptb_lite.stats.scoring import Interval

Item = TypeVar("Item")


def bootstrap(
    items: Sequence[Item],
    statistic: Callable[[Sequence[Item]], float],
    *,
    resamples: int,
    seed: int,
    confidence: float = 0.95,
) -> Interval:
    """The interval of `statistic` over `resamples` draws with replacement; same seed, same figures.

    Its ends are order statistics, taken outward: never narrower than asked for.
    """
    draw = random.Random(seed)
    ordered = sorted(statistic(draw.choices(items, k=len(items))) for _ in range(resamples))
    outside, last = (1 - confidence) / 2, resamples - 1
    return Interval(ordered[math.floor(outside * last)], ordered[math.ceil((1 - outside) * last)])
