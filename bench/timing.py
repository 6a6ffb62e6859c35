"""Ours and its peers measured in turn, so that what else the machine does falls on all alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from pathlib import Path


def medians(measure: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of `rounds` calls of each, taken in turn; each is called once before, cold.

    A call returns seconds.
    """
    found: dict[str, list[float]] = {name: [] for name in measure}
    for number in range(rounds + 1):
        for name, once in measure.items():
            seconds = once()
            if number:
                found[name].append(seconds)
    return {name: statistics.median(seconds) for name, seconds in found.items()}


def bytecode(folder: Path) -> dict[str, str]:
    """The environment in which a program keeps what it compiled, as an installed one has it."""
    return {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
