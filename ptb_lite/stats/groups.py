"""Means of a few runs with intervals, and exact tests between two groups. Pure functions."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from ptb_lite.stats.resample import bootstrap
from ptb_lite.stats.scoring import Interval

EXACT_LIMIT = 200_000
RESAMPLES = 10_000


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval | None:
    """Percentile bootstrap interval of a mean over runs (Efron 1979), with a fixed seed.

    None for fewer than two values: one run says nothing of how runs differ. With few runs the
    interval is too narrow.
    """
    if len(values) < 2:
        return None
    return bootstrap(values, fmean, resamples=RESAMPLES, seed=20_260_101, confidence=confidence)


def permutation_test(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Two-sided p of the difference of two means, over all ways to deal the runs to two arms.

    Fisher 1935, Pitman 1937. Exact up to `EXACT_LIMIT` ways; beyond that over as many random ones,
    itself included (Phipson and Smyth 2010). None where an arm is empty.
    """
    if not first or not second:
        return None
    every, size = [*first, *second], len(first)
    total = math.fsum(every)
    seen = _distance(math.fsum(first), size, total, len(every))
    ways = math.comb(len(every), size)
    if ways <= EXACT_LIMIT:
        sums = (math.fsum(chosen) for chosen in combinations(every, size))
        as_far = sum(_as_far(value, seen, size, total, len(every)) for value in sums)
        return as_far / ways
    source = random.Random(20_260_101)
    as_far = sum(
        _as_far(math.fsum(source.sample(every, size)), seen, size, total, len(every))
        for _ in range(EXACT_LIMIT)
    )
    return (as_far + 1) / (EXACT_LIMIT + 1)


def _distance(part: float, size: int, total: float, count: int) -> float:
    return abs(part / size - (total - part) / (count - size))


def _as_far(part: float, seen: float, size: int, total: float, count: int) -> bool:
    # Equal up to rounding counts as equal: the same values may be added in another order.
    return _distance(part, size, total, count) >= seen - 1e-12
