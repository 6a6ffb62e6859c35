"""Bounded waits on conditions, counted in the time that a machine with free cores would take."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

MOST_SLOWDOWN = 4.0


def slowdown() -> float:
    """How many runnable tasks share a core, from 1 to `MOST_SLOWDOWN`."""
    return min(MOST_SLOWDOWN, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    explain: Callable[[], str] = str,
    *,
    poll: float = 0.02,
) -> None:
    """Return as soon as `condition` holds; fail with `explain()` after `seconds`, which pass as
    much more slowly as others use the machine."""
    spent, last = 0.0, time.monotonic()
    while not condition():
        if spent > seconds:
            raise AssertionError(f"not within {seconds} s: {explain()}")
        time.sleep(poll)
        now = time.monotonic()
        spent, last = spent + (now - last) / slowdown(), now
