"""Where in the app one is: a mode, and of which run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["setup", "run", "result", "history", "doctor"]


@dataclass(frozen=True)
class Place:
    """`path` is the run's folder where the mode is run or result.

    `speed`, for run alone: play the journal so many times as fast as it was recorded.
    """

    mode: Mode = "setup"
    path: Path | None = None
    speed: float | None = None


@dataclass(frozen=True)
class Visit:
    """A visitor sees runs and changes nothing: those with the ids in `only`, or all (None)."""

    only: frozenset[str] | None = None

    def shows(self, place: Place) -> bool:
        """Whether a visitor may be there."""
        if place.mode in ("setup", "doctor"):
            return False
        return place.path is None or self.shows_run(place.path.name)

    def shows_run(self, run_id: str) -> bool:
        return self.only is None or run_id in self.only
