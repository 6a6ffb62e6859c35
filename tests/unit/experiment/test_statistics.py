"""Intervals of means and permutation tests, against scipy and by hand."""

from __future__ import annotations

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test as scipy_test

from ptb_lite.stats import groups as statistics
from ptb_lite.stats.groups import mean_interval, permutation_test

values = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=2, max_size=6)


@settings(max_examples=40, deadline=None)
@given(values, values)
@example([0.0, 0.0, 0.1, 0.85, 1.0, 1.0], [0.0, 0.0, 0.2, 0.85, 1.0, 0.9])
def test_it_is_scipys_exact_test(first: list[float], second: list[float]) -> None:
    def distance(one: object, other: object, axis: int) -> object:
        apart = numpy.mean(one, axis=axis) - numpy.mean(other, axis=axis)  # type: ignore[call-overload]
        # scipy's own tolerance is relative, and so misses ties at a distance of nothing.
        return numpy.round(abs(apart), 12)

    ours = permutation_test(first, second)
    peer = scipy_test(
        (first, second), distance, n_resamples=numpy.inf, alternative="greater", vectorized=True
    )
    assert ours == pytest.approx(peer.pvalue)


def test_by_hand() -> None:
    # Of the 20 ways to deal six runs, two are as far apart as this one.
    assert permutation_test([1, 2, 3], [4, 5, 6]) == pytest.approx(0.1)
    assert permutation_test([0.5], [0.5, 0.5]) == 1.0
    assert permutation_test([], [1.0]) is None


def test_many_runs_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "EXACT_LIMIT", 500)
    first, second = [n / 40 for n in range(20)], [n / 40 + 0.3 for n in range(20)]
    p_value = permutation_test(first, second)
    assert p_value is not None
    assert 1 / 501 <= p_value < 0.05
    assert permutation_test(first, second) == p_value


def test_an_interval_needs_two_runs_and_holds_the_mean() -> None:
    assert mean_interval([0.4]) is None
    interval = mean_interval([0.2, 0.3, 0.4, 0.5])
    assert interval is not None
    assert 0.2 <= interval.low < 0.35 < interval.high <= 0.5
    constant = mean_interval([0.3, 0.3])
    assert constant is not None
    assert (constant.low, constant.high) == pytest.approx((0.3, 0.3))
