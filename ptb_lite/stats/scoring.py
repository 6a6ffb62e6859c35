"""Scores honestly stated: intervals, paired tests, policies, averages. Pure functions.

Scores and probabilities lie in [0, 1]; differences of scores in [-1, 1]. Impossible arguments
(negative counts, a score above 1) raise `ValueError`: they are mistakes of the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal

from ptb_lite.events import Verdict

PAIRED_INTERVAL = "Newcombe 1998 square-and-add (method 10)"
OTHER_DEDUCTION = 0.75
"""The policy `deduct`: what a kind of deciding flag costs that its detector gives no share for."""


@dataclass(frozen=True)
class Interval:
    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class PairedTest:
    """Before against after on the same `n` items.

    `gained` items were wrong before and right after, `lost` the other way round. `p_value` is the
    two-sided exact McNemar test. `difference` is after minus before; `interval` is its confidence
    interval, made by `method`.
    """

    n: int
    gained: int
    lost: int
    p_value: float
    difference: float
    interval: Interval
    method: str = PAIRED_INTERVAL


@dataclass(frozen=True)
class Counted:
    """What a policy makes of a raw score. `mark` is empty, or says why the score needs a reader's
    care ("flagged: counts as the base score", "inconclusive: ...")."""

    score: float
    mark: str = ""


@dataclass(frozen=True)
class PolicyCase:
    """All that any policy may look at. `flag_kinds` are the kinds of the deciding flags,
    `deductions` the share of the gain, in [0, 1], that a kind costs."""

    verdict: Verdict
    raw: float
    base: float
    flag_kinds: tuple[str, ...] = ()
    deductions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class WeightedAverage:
    """`weights` sum to 1 over the benchmarks that have a score; `missing` have a weight only."""

    score: float
    weights: dict[str, float]
    missing: tuple[str, ...]


def wilson(correct: int, n: int, confidence: float = 0.95) -> Interval:
    """Score interval of a proportion (Wilson 1927), without continuity correction.

    With no items nothing is known: (0, 1).
    """
    if not 0 <= correct <= n:
        raise ValueError(f"{correct} correct of {n}")
    if n == 0:
        return Interval(0.0, 1.0)
    z = _z(confidence)
    p = correct / n
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # The ends are exactly 0 and 1 at the extremes; rounding must not move them inside.
    low = 0.0 if correct == 0 else max(0.0, centre - half)
    high = 1.0 if correct == n else min(1.0, centre + half)
    return Interval(low, high)


def mcnemar_exact(
    before: Sequence[bool], after: Sequence[bool], confidence: float = 0.95
) -> PairedTest:
    """Exact McNemar test (McNemar 1947; binomial with p = 1/2 on the discordant pairs).

    `before[i]` and `after[i]` say whether item i was answered correctly. Raises `ValueError` when
    the lengths differ: then the items are not the same.
    """
    if len(before) != len(after):
        raise ValueError(f"not the same items: {len(before)} before, {len(after)} after")
    pairs = list(zip(before, after, strict=True))
    both = sum(1 for b, a in pairs if b and a)
    gained = sum(1 for b, a in pairs if a and not b)
    lost = sum(1 for b, a in pairs if b and not a)
    n = len(pairs)
    return PairedTest(
        n=n,
        gained=gained,
        lost=lost,
        p_value=_sign_test(gained, lost),
        difference=(gained - lost) / n if n else 0.0,
        interval=paired_interval(both, gained, lost, n - both - gained - lost, confidence),
    )


def paired_interval(
    both: int, gained: int, lost: int, neither: int, confidence: float = 0.95
) -> Interval:
    """Interval of the difference of two paired proportions, after minus before.

    Method 10 of Newcombe, "Improved confidence intervals for the difference between binomial
    proportions based on paired data", Statistics in Medicine 17 (1998): the Wilson limits of each
    proportion, combined with the correlation of the pairs (corrected by n/2 when positive).
    """
    n = both + gained + lost + neither
    if n == 0:
        return Interval(-1.0, 1.0)
    after, before = (both + gained) / n, (both + lost) / n
    a, b = wilson(both + gained, n, confidence), wilson(both + lost, n, confidence)
    phi = _newcombe_phi(both, gained, lost, neither)
    difference = after - before
    down = _combine(after - a.low, b.high - before, phi)
    up = _combine(a.high - after, before - b.low, phi)
    return Interval(max(-1.0, difference - down), min(1.0, difference + up))


def unpaired_interval(
    first: int, first_n: int, second: int, second_n: int, confidence: float = 0.95
) -> Interval:
    """Interval of the difference of two independent proportions, first minus second.

    Method 10 of Newcombe, "Interval estimation for the difference between independent proportions",
    Statistics in Medicine 17 (1998): the Wilson limits of each, combined. Raises `ValueError` for
    impossible counts.
    """
    a, b = wilson(first, first_n, confidence), wilson(second, second_n, confidence)
    if not first_n or not second_n:
        return Interval(-1.0, 1.0)
    p, q = first / first_n, second / second_n
    down, up = math.hypot(p - a.low, b.high - q), math.hypot(a.high - p, q - b.low)
    return Interval(max(-1.0, p - q - down), min(1.0, p - q + up))


def apply_policy(
    policy: str,
    verdict: Verdict,
    raw: float,
    base: float,
    flag_kinds: Sequence[str] = (),
    deductions: Mapping[str, float] | None = None,
    inconclusive: Literal["base", "raw"] = "raw",
) -> Counted:
    """The counted score; `inconclusive` is what a verdict counts as that was left open, where it
    is not better than measured. Raises `ValueError` for a policy that is not in `POLICIES`."""
    if policy not in POLICIES:
        raise ValueError(f"unknown policy {policy!r}; known: {', '.join(sorted(POLICIES))}")
    if verdict is Verdict.INCONCLUSIVE:
        if inconclusive == "base" and policy != "none":
            return Counted(min(raw, base), "inconclusive: counts as the base score")
        return Counted(raw, "inconclusive: part of the audit did not run")
    return POLICIES[policy](PolicyCase(verdict, raw, base, tuple(flag_kinds), deductions or {}))


def deduction(flag_kinds: Sequence[str], deductions: Mapping[str, float]) -> float:
    """The share of the gain, in [0, 1], that `deduct` takes for these kinds of deciding flags.

    Each kind counts once, however many flags it has; kinds that `deductions` does not name cost
    `OTHER_DEDUCTION`, and so does a verdict without any flag (a person's).
    """
    shares = [deductions.get(kind, OTHER_DEDUCTION) for kind in set(flag_kinds)]
    return min(1.0, math.fsum(shares)) if shares else OTHER_DEDUCTION


def fisher_exact(first: int, first_n: int, second: int, second_n: int) -> float:
    """Two-sided p of Fisher's exact test: do two groups have the same rate?

    `first` of `first_n` against `second` of `second_n`; the sum of the probabilities of all tables
    with these margins that are at most as likely as the one seen (Fisher 1935; the definition of R
    and SciPy). 1.0 where a group is empty. Raises `ValueError` for impossible counts.
    """
    if not (0 <= first <= first_n and 0 <= second <= second_n):
        raise ValueError(f"{first} of {first_n} against {second} of {second_n}")
    hits = first + second

    def ways(k: int) -> int:
        return math.comb(first_n, k) * math.comb(second_n, hits - k)

    seen = ways(first)
    every = [ways(k) for k in range(max(0, hits - second_n), min(first_n, hits) + 1)]
    p_value: float = sum(way for way in every if way <= seen) / sum(every)
    return min(1.0, p_value)


def weighted_average(scores: Mapping[str, float], weights: Mapping[str, float]) -> WeightedAverage:
    """Average of the benchmarks that have a score; their weights are scaled to sum to 1.

    Raises `ValueError` when a scored benchmark has no weight, or no weight is above 0.
    """
    unweighted = sorted(set(scores) - set(weights))
    if unweighted:
        raise ValueError(f"no weight for {', '.join(unweighted)}")
    if any(weights[name] < 0 for name in scores):
        raise ValueError("a weight is negative")
    total = math.fsum(weights[name] for name in scores)
    if total <= 0:
        raise ValueError("no benchmark with a weight above 0 has a score")
    used = {name: weights[name] / total for name in scores}
    return WeightedAverage(
        score=math.fsum(used[name] * scores[name] for name in scores),
        weights=used,
        missing=tuple(sorted(set(weights) - set(scores))),
    )


def needed_n(
    difference: float, discordant_rate: float, *, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Items needed for McNemar's test to find `difference` with `power`, two-sided `alpha`.

    Normal approximation of Connor, "Sample size for testing differences in proportions for the
    paired-sample design", Biometrics 43 (1987). `discordant_rate` is the share of items whose
    answer changes in either direction, at least |difference|. The exact test needs slightly more.
    """
    d = abs(difference)
    if not 0 < d <= discordant_rate <= 1:
        raise ValueError("need 0 < |difference| <= discordant rate <= 1")
    effort = _z(1 - alpha) * math.sqrt(discordant_rate)
    effort += NormalDist().inv_cdf(power) * math.sqrt(max(0.0, discordant_rate - d * d))
    return math.ceil(effort * effort / (d * d))


def smallest_detectable_gain(
    n: int, base: float, *, power: float = 0.8, alpha: float = 0.05
) -> float | None:
    """The smallest rise above `base` that `n` items find with `power`; None when no rise would do.

    An approximation to plan with, not a test: `needed_n` turned round, with the answers before and
    after taken as independent, so that the discordant rate is b(1-a) + a(1-b). Answers of two
    versions of one model usually agree more than that, and then smaller gains are found.
    """
    if n <= 0 or not 0 <= base <= 1:
        raise ValueError(f"n = {n}, base = {base}")

    def enough(gain: float) -> bool:
        after = base + gain
        return needed_n(gain, _independent_discordance(base, after), power=power, alpha=alpha) <= n

    low, high = 0.0, 1.0 - base
    if high <= 0 or not enough(high):
        return None
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _reset(case: PolicyCase) -> Counted:
    if case.verdict is Verdict.FLAGGED:
        return Counted(case.base, "flagged: counts as the base score")
    return Counted(case.raw)


def _none(case: PolicyCase) -> Counted:
    mark = "flagged: no policy applied" if case.verdict is Verdict.FLAGGED else ""
    return Counted(case.raw, mark)


def _zero(case: PolicyCase) -> Counted:
    if case.verdict is Verdict.FLAGGED:
        return Counted(0.0, "flagged: counts as zero")
    return Counted(case.raw)


def _deduct(case: PolicyCase) -> Counted:
    if case.verdict is not Verdict.FLAGGED:
        return Counted(case.raw)
    share = deduction(case.flag_kinds, case.deductions)
    counted = case.raw - share * max(0.0, case.raw - case.base)
    kinds = ", ".join(sorted(set(case.flag_kinds))) or "no named kind"
    return Counted(counted, f"flagged: {100 * share:.0f} % of the gain deducted ({kinds})")


POLICIES: dict[str, Callable[[PolicyCase], Counted]] = {
    "reset": _reset,
    "deduct": _deduct,
    "zero": _zero,
    "none": _none,
}


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _sign_test(gained: int, lost: int) -> float:
    """Two-sided exact binomial test of gained against lost, in whole numbers until the end."""
    n, fewer = gained + lost, min(gained, lost)
    term, tail = 1, 1
    for k in range(1, fewer + 1):
        term = term * (n - k + 1) // k
        tail += term
    p_value: float = (2 * tail) / (1 << n)
    return min(1.0, p_value)


def _newcombe_phi(both: int, gained: int, lost: int, neither: int) -> float:
    n = both + gained + lost + neither
    margins = (both + gained) * (lost + neither) * (both + lost) * (gained + neither)
    if margins == 0:
        return 0.0
    association: float = both * neither - gained * lost
    if association > 0:
        association = max(0.0, association - n / 2)
    return association / math.sqrt(margins)


def _combine(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def _independent_discordance(before: float, after: float) -> float:
    return before * (1 - after) + after * (1 - before)
