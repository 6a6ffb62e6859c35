"""Bounded waits on conditions."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(
    condition: Callable[[], bool], seconds: float, explain: Callable[[], str] = str
) -> None:
    """Return as soon as `condition` holds; fail with `explain()` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {explain()}")
        time.sleep(0.02)
