"""scoring.py against scipy, published facts, and exact enumeration."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from scipy.stats import fisher_exact as scipy_fisher

from ptb_lite.choices import Policy
from ptb_lite.events import Verdict
from ptb_lite.stats.scoring import (
    OTHER_DEDUCTION,
    POLICIES,
    apply_policy,
    deduction,
    fisher_exact,
    mcnemar_exact,
    needed_n,
    paired_interval,
    smallest_detectable_gain,
    weighted_average,
    wilson,
)

SHARES = {"test-item": 1.0, "changed-file": 0.5, "planted-result": 0.5}
counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
pairs = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=200)


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_scipys_wilson(count: tuple[int, int], confidence: float) -> None:
    correct, n = count
    peer = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    ours = wilson(correct, n, confidence)
    assert ours.low == pytest.approx(peer.low, abs=1e-12)
    assert ours.high == pytest.approx(peer.high, abs=1e-12)
    assert correct / n in ours


def test_wilson_at_the_ends() -> None:
    assert wilson(0, 50).low == 0.0
    assert wilson(50, 50).high == 1.0
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    for correct, n in ((-1, 5), (6, 5), (1, 0)):
        with pytest.raises(ValueError, match="correct of"):
            wilson(correct, n)


@given(pairs)
def test_mcnemar_is_scipys_binomial_test_on_discordant_pairs(
    answers: list[tuple[bool, bool]],
) -> None:
    before, after = [b for b, _ in answers], [a for _, a in answers]
    result = mcnemar_exact(before, after)
    gained = sum(a and not b for b, a in answers)
    lost = sum(b and not a for b, a in answers)
    assert (result.n, result.gained, result.lost) == (len(answers), gained, lost)
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert result.p_value == pytest.approx(expected, rel=1e-9)
    assert result.difference in result.interval
    back = mcnemar_exact(after, before)
    assert back.p_value == result.p_value
    assert back.interval.low == pytest.approx(-result.interval.high, abs=1e-12)


def test_mcnemar_with_thousands_of_discordant_pairs() -> None:
    before = [True] * 2400 + [False] * 2600
    result = mcnemar_exact(before, [not b for b in before])
    assert result.p_value == pytest.approx(binomtest(2600, 5000).pvalue, rel=1e-9)


def test_mcnemar_refuses_other_items() -> None:
    with pytest.raises(ValueError, match="not the same items"):
        mcnemar_exact([True], [True, False])


@pytest.mark.parametrize(
    ("p_both", "p_gained", "p_lost"),
    [(0.1, 0.3, 0.05), (0.02, 0.3, 0.0), (0.4, 0.1, 0.1), (0.6, 0.05, 0.2), (0.0, 0.5, 0.02)],
)
def test_paired_interval_covers_the_truth(p_both: float, p_gained: float, p_lost: float) -> None:
    """Exact coverage by going through every table of 25 items: near the 95 % it claims."""
    n = 25
    p_neither = 1 - p_both - p_gained - p_lost
    covered = total = 0.0
    for both in range(n + 1):
        for gained in range(n + 1 - both):
            for lost in range(n + 1 - both - gained):
                cells = (both, gained, lost, n - both - gained - lost)
                probability = float(math.factorial(n))
                for count, p in zip(cells, (p_both, p_gained, p_lost, p_neither), strict=True):
                    probability *= p**count / math.factorial(count)
                total += probability
                if p_gained - p_lost in paired_interval(*cells):
                    covered += probability
    assert total == pytest.approx(1.0)
    assert 0.92 <= covered <= 0.995


def test_paired_interval_without_pairs_says_nothing() -> None:
    assert paired_interval(0, 0, 0, 0).low == -1.0
    assert paired_interval(0, 0, 0, 0).high == 1.0


@pytest.mark.parametrize(
    ("policy", "verdict", "score", "marked"),
    [
        ("reset", Verdict.CLEAN, 0.6, False),
        ("reset", Verdict.FLAGGED, 0.1, True),
        ("reset", Verdict.INCONCLUSIVE, 0.6, True),
        ("deduct", Verdict.CLEAN, 0.6, False),
        ("deduct", Verdict.INCONCLUSIVE, 0.6, True),
        ("zero", Verdict.CLEAN, 0.6, False),
        ("zero", Verdict.FLAGGED, 0.0, True),
        ("zero", Verdict.INCONCLUSIVE, 0.6, True),
        ("none", Verdict.CLEAN, 0.6, False),
        ("none", Verdict.FLAGGED, 0.6, True),
        ("none", Verdict.INCONCLUSIVE, 0.6, True),
    ],
)
def test_policy_table(policy: str, verdict: Verdict, score: float, marked: bool) -> None:
    counted = apply_policy(policy, verdict, raw=0.6, base=0.1)
    assert counted.score == score
    assert bool(counted.mark) is marked


@given(st.sampled_from(["reset", "deduct", "zero"]), st.floats(0, 1), st.floats(0, 1))
def test_nobody_gains_by_what_cannot_be_read(policy: str, raw: float, base: float) -> None:
    counted = apply_policy(policy, Verdict.INCONCLUSIVE, raw, base, inconclusive="base")
    assert counted.score == min(raw, base)
    assert "counts as the base score" in counted.mark


def test_reset_never_rewards_a_flag_with_raw() -> None:
    """A flagged run that made the model worse counts as base too: reset is not a maximum."""
    assert apply_policy("reset", Verdict.FLAGGED, raw=0.05, base=0.1).score == 0.1


def test_unknown_policy_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="deduct, none, reset, zero"):
        apply_policy("resett", Verdict.CLEAN, 0.5, 0.1)
    assert set(POLICIES) == set(get_args(Policy))


@pytest.mark.parametrize(
    ("kinds", "share"),
    [
        ([], OTHER_DEDUCTION),
        (["test-item"], 1.0),
        (["test-item", "test-item", "changed-file"], 1.0),
        (["changed-file"], 0.5),
        (["changed-file", "changed-file"], 0.5),
        (["changed-file", "planted-result"], 1.0),
        (["a kind that the table does not name"], OTHER_DEDUCTION),
    ],
)
def test_deduction_table(kinds: list[str], share: float) -> None:
    assert deduction(kinds, SHARES) == share
    counted = apply_policy("deduct", Verdict.FLAGGED, 0.5, 0.25, kinds, SHARES)
    assert counted.score == pytest.approx(0.5 - share * 0.25)
    assert f"{100 * share:.0f} %" in counted.mark


@given(st.floats(0, 1), st.floats(0, 1), st.lists(st.sampled_from([*SHARES, "other"])))
def test_deduct_takes_of_the_gain_only(raw: float, base: float, kinds: list[str]) -> None:
    counted = apply_policy("deduct", Verdict.FLAGGED, raw, base, kinds, SHARES).score
    assert min(raw, base) - 1e-12 <= counted <= raw
    if raw <= base:
        assert counted == raw


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_fisher_agrees_with_scipy(a: int, b: int, c: int, d: int) -> None:
    ours = fisher_exact(a, a + b, c, c + d)
    assert ours == pytest.approx(scipy_fisher([[a, b], [c, d]]).pvalue, rel=1e-6)


def test_fisher_refuses_impossible_counts() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        fisher_exact(3, 2, 0, 1)


def test_weights_are_renormalised_over_what_was_scored() -> None:
    average = weighted_average({"a": 0.2, "b": 0.8}, {"a": 1, "b": 3, "c": 6})
    assert average.score == pytest.approx(0.65)
    assert average.weights == {"a": 0.25, "b": 0.75}
    assert average.missing == ("c",)


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_average_lies_between_its_scores(scores: dict[str, float]) -> None:
    average = weighted_average(scores, dict.fromkeys(scores, 2.5))
    assert min(scores.values()) - 1e-9 <= average.score <= max(scores.values()) + 1e-9
    assert average.score == pytest.approx(float(np.mean(list(scores.values()))))


@pytest.mark.parametrize(
    ("scores", "weights", "words"),
    [
        ({"a": 0.5}, {"b": 1}, "no weight for a"),
        ({"a": 0.5}, {"a": 0}, "above 0"),
        ({}, {"a": 1}, "above 0"),
        ({"a": 0.5, "b": 0.5}, {"a": -1, "b": 3}, "negative"),
    ],
)
def test_average_refuses(scores: dict[str, float], weights: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        weighted_average(scores, weights)


def exact_power(n: int, gain: float, discordant: float) -> float:
    """Power of the exact test: over the number of discordant pairs, then over the gained ones."""
    power = 0.0
    for m in range(n + 1):
        chance = binom.pmf(m, n, discordant)
        if chance < 1e-10:
            continue
        gained = np.arange(m + 1)
        p_values = np.minimum(1.0, 2 * binom.cdf(np.minimum(gained, m - gained), m, 0.5))
        wins = binom.pmf(gained, m, (discordant + gain) / (2 * discordant))
        power += chance * wins[p_values < 0.05].sum()
    return power


@pytest.mark.parametrize(("gain", "discordant"), [(0.1, 0.2), (0.2, 0.3), (0.05, 0.1), (0.3, 0.5)])
def test_needed_n_gives_about_the_power_it_promises(gain: float, discordant: float) -> None:
    n = needed_n(gain, discordant)
    assert 0.70 <= exact_power(n, gain, discordant) <= 0.87
    assert exact_power(n // 2, gain, discordant) < 0.6


@pytest.mark.parametrize(("difference", "rate"), [(0, 0.1), (0.3, 0.2), (0.1, 1.1)])
def test_needed_n_refuses(difference: float, rate: float) -> None:
    with pytest.raises(ValueError, match="need 0"):
        needed_n(difference, rate)


@given(st.integers(20, 2000), st.floats(0, 0.9))
def test_detectable_gain_is_needed_n_turned_round(n: int, base: float) -> None:
    gain = smallest_detectable_gain(n, base)
    if gain is None:
        assert needed_n(1 - base, 1 - base) > n
        return
    after = base + gain
    rate = base * (1 - after) + after * (1 - base)
    assert needed_n(gain, rate) <= n
    larger = smallest_detectable_gain(4 * n, base)
    assert larger is not None
    assert larger < gain


def test_detectable_gain_edges() -> None:
    assert smallest_detectable_gain(3, 0.5) is None
    assert smallest_detectable_gain(100, 1.0) is None
    with pytest.raises(ValueError, match="n = 0"):
        smallest_detectable_gain(0, 0.5)
