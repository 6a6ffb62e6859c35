"""Statistics of items that have a score, not just right or wrong. Pure functions.

What a judge gives is a share of points or of games, so that neither Wilson's interval nor
McNemar's test applies. Random numbers have a fixed seed: the same scores give the same figures.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from ptb_lite.stats.resample import bootstrap
from ptb_lite.stats.scoring import Interval, wilson

MEAN_INTERVAL = "bootstrap"
PAIRED_TEST = "paired permutation"
RESAMPLES = 2000
PERMUTATIONS = 10_000
_EXACT_UP_TO = 12
_SEED = 20260308


@dataclass(frozen=True)
class GradedTest:
    """Before against after on the same `n` items.

    `gained` items scored more after than before, `lost` less. `difference` is that of the shown
    means, after minus before, with its confidence interval; `p_value` is two-sided.
    """

    n: int
    gained: int
    lost: int
    p_value: float
    difference: float
    interval: Interval


def shown_mean(scores: Sequence[float]) -> float:
    """The mean, clipped to [0, 1] as HealthBench does (Arora et al. 2025): a conversation's
    score may be negative. Raises `ValueError` for no items."""
    if not scores:
        raise ValueError("no items")
    return min(1.0, max(0.0, fmean(scores)))


def mean_interval(scores: Sequence[float], confidence: float = 0.95) -> Interval:
    """Percentile bootstrap of the shown mean (Efron and Tibshirani 1993, chapter 13).

    Items that all score the same would make an interval of no width; then Wilson's is given, which
    is never too narrow for scores in [0, 1], since their variance is at most p (1 - p).
    """
    n = len(scores)
    if n == 0:
        return Interval(0.0, 1.0)
    if max(scores) == min(scores):
        return wilson(round(shown_mean(scores) * n), n, confidence)
    return bootstrap(scores, shown_mean, resamples=RESAMPLES, seed=_SEED, confidence=confidence)


def paired_means(
    before: Sequence[float], after: Sequence[float], confidence: float = 0.95
) -> GradedTest:
    """Sign-flip permutation test of the paired differences (Fisher 1935), bootstrap interval.

    The test is exact with up to 12 changed items and draws 10,000 permutations beyond, the observed
    one counted (Phipson and Smyth 2010). Raises `ValueError` when the lengths differ.
    """
    if len(before) != len(after):
        raise ValueError(f"not the same items: {len(before)} before, {len(after)} after")
    if not before:
        return GradedTest(0, 0, 0, 1.0, 0.0, Interval(-1.0, 1.0))
    changes = [now - was for was, now in zip(before, after, strict=True) if now != was]
    return GradedTest(
        n=len(before),
        gained=sum(change > 0 for change in changes),
        lost=sum(change < 0 for change in changes),
        p_value=_sign_flips(changes),
        difference=shown_mean(after) - shown_mean(before),
        interval=_paired_interval(before, after, confidence),
    )


def smallest_p(n: int) -> float:
    """What the test of `paired_means` says at the least with `n` pairs: all differences one way."""
    return min(1.0, 2.0 ** (1 - n)) if n <= _EXACT_UP_TO else 1 / (PERMUTATIONS + 1)


def needed_n(changes: Sequence[float], *, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Items needed to find the mean of `changes` with `power` at two-sided `alpha`; None when
    nothing changed on average.

    Normal approximation for a mean of paired differences (Lachin 1981).
    """
    if len(changes) < 2 or math.isclose(mean := fmean(changes), 0.0, abs_tol=1e-12):
        return None
    ratio = _effort(power, alpha) * stdev(changes) / mean
    return max(2, math.ceil(ratio * ratio))


def smallest_gain(
    n: int, spread: float, *, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """`needed_n` turned round: the smallest mean change that `n` items find, `spread` being the
    standard deviation of the items' changes; None when not even a rise by 1 would do."""
    if n < 1 or spread < 0:
        raise ValueError(f"n = {n}, spread = {spread}")
    gain = _effort(power, alpha) * spread / math.sqrt(n)
    return gain if gain <= 1 else None


def _effort(power: float, alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)


def _paired_interval(
    before: Sequence[float], after: Sequence[float], confidence: float
) -> Interval:
    pairs = list(zip(before, after, strict=True))
    n = len(pairs)
    if len({now - was for was, now in pairs}) == 1:
        # No spread to draw from: as far as n items of one kind can tell (see `mean_interval`).
        difference, room = shown_mean(after) - shown_mean(before), wilson(0, n, confidence).high
        return Interval(max(-1.0, difference - room), min(1.0, difference + room))
    return bootstrap(pairs, _change, resamples=RESAMPLES, seed=_SEED, confidence=confidence)


def _change(pairs: Sequence[tuple[float, float]]) -> float:
    return shown_mean([now for _, now in pairs]) - shown_mean([was for was, _ in pairs])


def _sign_flips(changes: Sequence[float]) -> float:
    observed = abs(math.fsum(changes)) - 1e-12
    if len(changes) <= _EXACT_UP_TO:
        signs = list(itertools.product((1, -1), repeat=len(changes)))
        return sum(
            abs(math.fsum(s * c for s, c in zip(one, changes, strict=True))) >= observed
            for one in signs
        ) / len(signs)
    draw = random.Random(_SEED)
    total, n = math.fsum(changes), len(changes)
    extreme = 0
    for _ in range(PERMUTATIONS):
        flipped = draw.getrandbits(n)
        away = sum(change for i, change in enumerate(changes) if flipped >> i & 1)
        extreme += abs(total - 2 * away) >= observed
    return (extreme + 1) / (PERMUTATIONS + 1)
