"""`scripts/gpu-check` on a machine without a GPU, and its table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.hardware.device import cuda_device
from tests.bench.gpu_check.rows import Row, read_rows, table, write_row

ROOT = Path(__file__).parents[2]


def gpu_check(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/gpu-check", *arguments],
        env={**os.environ, "PTB_LITE_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.skipif(cuda_device() is not None, reason="this machine has a GPU")
def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path: Path) -> None:
    done = gpu_check("--output", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.startswith("error: no NVIDIA GPU")
    assert not (tmp_path / "out").exists()


def test_the_doctor_step_needs_no_gpu_and_leaves_its_table(tmp_path: Path) -> None:
    done = gpu_check("--only", "doctor", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "table.md").read_text()
    assert written in done.stdout
    assert "| doctor | GPU |" in written


def test_rows_come_back_and_cannot_break_the_table(tmp_path: Path) -> None:
    rows = [Row("a", "b|c", "1"), Row("d", "e\nf", "2", note="done")]
    for row in rows:
        write_row(tmp_path / "rows.jsonl", row)
    assert read_rows(tmp_path / "rows.jsonl") == rows
    lines = table(rows).splitlines()
    assert len(lines) == 4
    assert all(line.count("|") == 7 for line in lines)
