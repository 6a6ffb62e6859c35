"""What a run costs beside the agent and generation, by phase, from a real short run.

These costs do not grow with the time box: processes start, libraries are imported, a model is
loaded twice. So their seconds are set against 30 minutes, and the run's own share is told, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.figures import Figure, publish
from ptb_lite.runs.figures.overhead import Overhead, read_overhead
from ptb_lite.runs.folder import RunFolder, list_runs

ROOT = Path(__file__).parents[1]
HALF_AN_HOUR = 1800.0
CHOICES = ("--preset", "offline-demo", "--minutes", "1", "--limit", "20", "--fresh", "--json")
# What every evaluation has to import, whoever starts it: once before the agent, once after.
IMPORTS = "import torch, transformers, lm_eval.evaluator, lm_eval.models.huggingface"
STARTS = 2
PATIENCE = 10.0
_PR_SET_CHILD_SUBREAPER = 36


def _seconds(arguments: Sequence[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return time.perf_counter() - began


def _adopt_orphans() -> None:
    """A runner outlives its command: it becomes a child of this process, so that its time is known
    to be this benchmark's and not that of other programs."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap() -> None:
    limit = time.monotonic() + PATIENCE
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < limit:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)


def _by_phase(found: Overhead, command: float) -> str:
    parts = [f"{name} {seconds:.2f} s" for name, seconds in found.harness.items()]
    return ", ".join([*parts, f"the command before and after {command:.2f} s"])


@pytest.mark.bench
def test_harness_of_a_whole_run(tmp_path: Path) -> None:
    imports = _seconds(["-c", IMPORTS])
    _adopt_orphans()
    wall = _seconds(["-m", "ptb_lite", "run", *CHOICES, "--runs-dir", str(tmp_path)])
    _reap()
    (run,) = list_runs(tmp_path)
    found = read_overhead(RunFolder(run.path).journal, launched=run.read_status().started)
    # A run that did no work would have no overhead to speak of.
    assert found.work["baseline"] > 0
    assert found.work["agent"] > 10
    assert found.work["evaluate"] > 0
    command = wall - found.wall_seconds
    assert command > 0
    harness = found.seconds + command
    publish(
        Figure(
            "harness of a run, as a share of 30 minutes",
            100 * harness / HALF_AN_HOUR,
            "%",
            limit="importing torch, transformers and lm-eval twice",
            limit_value=100 * STARTS * imports / HALF_AN_HOUR,
            target_value=3.0,
            note=f"{harness:.1f} s: {_by_phase(found, command)}",
        )
    )
    publish(
        Figure(
            "the same as a share of the measured run, a time box of 1 minute",
            100 * harness / wall,
            "%",
            note=f"{harness:.1f} s of {wall:.1f} s",
        )
    )
    print(f"\nharness {harness:.1f} s of {wall:.1f} s: {_by_phase(found, command)}")
