"""A series keeps its shape and never grows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.report.series import Series


def test_a_short_series_is_kept_as_it_is() -> None:
    series = Series(limit=8)
    for x in range(5):
        series.add(x, 2.0 * x)
    assert series.points() == ((0, 0), (1, 2), (2, 4), (3, 6), (4, 8))
    assert series.per_point == 1


def test_a_long_series_is_means_of_neighbours() -> None:
    series = Series(limit=4)
    for x in range(8):
        series.add(x, float(x))
    assert series.per_point == 4
    assert series.points() == ((1.5, 1.5), (5.5, 5.5))
    series.add(8, 100.0)
    assert series.points()[-1] == (8, 100.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_figure_is_left_out(value: float) -> None:
    series = Series()
    series.add(1, value)
    series.add(value, 1)
    assert series.points() == ()


@given(st.integers(1, 5000), st.sampled_from([2, 4, 16, 64]))
def test_it_never_holds_more_than_its_limit(count: int, limit: int) -> None:
    series = Series(limit)
    for x in range(count):
        series.add(x, math.sin(x))
    points = series.points()
    assert len(points) <= limit
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert all(-1 <= y <= 1 for _, y in points)
    # Means of means of equal size: a line stays the line.
    straight = Series(limit)
    for x in range(count):
        straight.add(x, 3.0 * x + 1)
    assert all(y == pytest.approx(3 * x + 1) for x, y in straight.points())


def test_an_odd_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        Series(3)
