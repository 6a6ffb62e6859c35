"""Statistics of graded items against scipy, and at their edges."""

from __future__ import annotations

import random
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ptb_lite.stats.graded import (
    mean_interval,
    needed_n,
    paired_means,
    shown_mean,
    smallest_gain,
)
from ptb_lite.stats.scoring import wilson

SHARES = st.lists(st.floats(-1, 1), min_size=1, max_size=30)


def scores(n: int, seed: int, shift: float = 0.0) -> list[float]:
    draw = random.Random(seed)
    return [min(1.0, draw.random() * 0.8 + shift) for _ in range(n)]


def test_the_interval_is_scipys_bootstrap() -> None:
    data = scores(120, 1)
    ours = mean_interval(data)
    theirs = stats.bootstrap((np.array(data),), np.mean, method="percentile", rng=3)
    low, high = theirs.confidence_interval
    assert ours.low == pytest.approx(low, abs=0.006)
    assert ours.high == pytest.approx(high, abs=0.006)


@pytest.mark.parametrize(("n", "tolerance"), [(9, 1e-9), (60, 0.01)])
def test_the_test_is_scipys_permutation_test(n: int, tolerance: float) -> None:
    before, after = scores(n, 1), scores(n, 2, 0.08)

    def mean_change(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.mean(y - x, axis=axis))

    theirs = stats.permutation_test(
        (np.array(before), np.array(after)),
        mean_change,
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=5,
    )
    ours = paired_means(before, after)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=tolerance)
    assert ours.difference == pytest.approx(fmean(after) - fmean(before))
    assert ours.difference in ours.interval


def test_no_change_is_no_evidence() -> None:
    same = paired_means([0.25] * 40, [0.25] * 40)
    assert (same.gained, same.lost, same.p_value, same.difference) == (0, 0, 1.0, 0.0)
    assert same.interval.low < 0 < same.interval.high


def test_the_means_compared_are_those_that_are_shown() -> None:
    test = paired_means([-2.0, -1.0, 0.0, -1.0], [0.5, 0.5, 0.0, 1.0])
    assert test.difference == 0.5  # from 0, not from -1
    assert (test.gained, test.lost) == (3, 0)


def test_items_that_all_score_the_same_still_have_an_interval() -> None:
    assert mean_interval([0.0] * 50) == wilson(0, 50)
    assert mean_interval([1.0] * 50) == wilson(50, 50)
    assert mean_interval([]).low == 0.0


def test_the_same_scores_give_the_same_figures() -> None:
    before, after = scores(50, 1), scores(50, 2)
    assert mean_interval(before) == mean_interval(before)
    assert paired_means(before, after) == paired_means(before, after)


@settings(max_examples=15, deadline=None)
@given(SHARES)
def test_the_interval_holds_the_shown_mean(values: list[float]) -> None:
    interval = mean_interval(values)
    assert 0 <= interval.low <= interval.high <= 1
    assert interval.low - 1e-9 <= shown_mean(values) <= interval.high + 1e-9


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_turning_time_round_turns_the_sign(pairs: list[tuple[float, float]]) -> None:
    before, after = [p[0] for p in pairs], [p[1] for p in pairs]
    there, back = paired_means(before, after), paired_means(after, before)
    assert there.p_value == pytest.approx(back.p_value, abs=0.03)
    assert 0 < there.p_value <= 1
    assert there.difference == pytest.approx(-back.difference)
    assert (there.gained, there.lost) == (back.lost, back.gained)


def test_needed_n_finds_what_it_says() -> None:
    """By simulation: that many items find the change in about 80 of 100 draws."""
    draw = random.Random(7)
    changes = [draw.gauss(0.1, 0.4) for _ in range(4000)]
    n = needed_n(changes)
    assert n is not None
    found = 0
    for _ in range(400):
        sample = [draw.gauss(0.1, 0.4) for _ in range(n)]
        found += bool(stats.ttest_1samp(sample, 0.0).pvalue < 0.05)
    assert 0.72 < found / 400 < 0.88
    assert smallest_gain(n, 0.4) == pytest.approx(0.1, abs=0.01)


def test_nothing_to_find_needs_no_number() -> None:
    assert needed_n([0.0] * 9) is None
    assert needed_n([0.5]) is None
    assert needed_n([-0.5, 0.5]) is None
    assert smallest_gain(2, 10.0) is None
    with pytest.raises(ValueError, match="n = 0"):
        smallest_gain(0, 0.1)
    with pytest.raises(ValueError, match="same items"):
        paired_means([1.0], [])
