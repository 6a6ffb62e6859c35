"""The runs' folder where none is named, and the exit codes."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
