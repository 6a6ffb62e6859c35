"""How long `ptb-lite --help` takes: below 300 ms, and beside Python with typer alone."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROUNDS = 15


def _median_seconds(*arguments: str) -> float:
    """Median wall time of a fresh interpreter; the first, cold one does not count."""
    seconds = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
            timeout=60,
        )
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


@pytest.mark.bench
def test_help() -> None:
    bare = _median_seconds("-c", "import typer")
    shown = _median_seconds("-m", "ptb_lite", "--help")
    run = _median_seconds("-m", "ptb_lite", "run", "--help")
    models = _median_seconds("-m", "ptb_lite", "list", "models")
    print(
        f"\nptb-lite --help {1000 * shown:.0f} ms, run --help {1000 * run:.0f} ms, "
        f"list models {1000 * models:.0f} ms; python with typer {1000 * bare:.0f} ms "
        f"(--help is {shown / bare:.2f} times that)"
    )
    assert shown < 0.3
    assert run < 0.3
