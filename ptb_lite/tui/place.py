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
