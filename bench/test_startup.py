"""How long commands take from their start to their end, beside Python that does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.figures import Figure, publish
from bench.timing import bytecode, medians

ROOT = Path(__file__).parents[1]
ROUNDS = 15
TARGET_MS = 300.0
COMMANDS = {
    "ptb-lite --help": ("-m", "ptb_lite", "--help"),
    "ptb-lite run --help": ("-m", "ptb_lite", "run", "--help"),
    "ptb-lite list models": ("-m", "ptb_lite", "list", "models"),
}


def _python(folder: Path, *arguments: str) -> Callable[[], float]:
    """Seconds of a fresh interpreter."""

    def run() -> float:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **bytecode(folder)},
            capture_output=True,
            check=True,
            timeout=60,
        )
        return time.perf_counter() - began

    return run


@pytest.mark.bench
def test_help(tmp_path: Path) -> None:
    measured = {name: _python(tmp_path, *arguments) for name, arguments in COMMANDS.items()}
    found = medians(
        {
            "pass": _python(tmp_path, "-c", "pass"),
            "typer": _python(tmp_path, "-c", "import typer; typer.run"),
            **measured,
        },
        ROUNDS,
    )
    for name in COMMANDS:
        publish(
            Figure(
                name,
                1000 * found[name],
                "ms",
                peer="python -c pass",
                peer_value=1000 * found["pass"],
                limit="python that imports typer",
                limit_value=1000 * found["typer"],
                target_value=TARGET_MS,
            )
        )
        print(f"\n{name}: {1000 * found[name]:.0f} ms, python {1000 * found['pass']:.0f} ms")
