"""The learning rate of a run that will not be done in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.training.callbacks import late_factor


def test_a_run_that_fits_is_left_alone() -> None:
    assert late_factor(10.0, 100.0, done=10, steps=100) == 1.0
    assert late_factor(99.0, 100.0, done=99, steps=100) == 1.0


def test_a_late_run_falls_to_nothing_at_the_limit() -> None:
    assert late_factor(50.0, 100.0, done=10, steps=100) == pytest.approx(0.5)
    assert late_factor(100.0, 100.0, done=10, steps=100) == pytest.approx(0.0)
    assert late_factor(130.0, 100.0, done=10, steps=100) == pytest.approx(0.0)


@given(
    elapsed=st.floats(0.01, 1e4),
    more=st.floats(0.0, 1e4),
    done=st.integers(1, 1000),
    steps=st.integers(1000, 10_000),
)
def test_later_is_never_higher(elapsed: float, more: float, done: int, steps: int) -> None:
    now = late_factor(elapsed, 100.0, done=done, steps=steps)
    then = late_factor(elapsed + more, 100.0, done=done, steps=steps)
    assert 0.0 <= then <= now <= 1.0
