"""An experiment of 5,000 cells on Slurm, seen from the login node: below 300 MB and one question
to the scheduler in ten seconds.

The command is the real one, in a process of its own; programs of Slurm's names (`fake_slurm.py`)
take the jobs and end them unrun. `PTB_LITE_BENCH_CELLS` makes it another number.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from bench import fake_slurm
from bench.figures import Figure, publish

CELLS = int(os.environ.get("PTB_LITE_BENCH_CELLS", "5000"))
PLAN = """
title: Many
preset: offline-demo
grid: {{policy: [reset, zero]}}
seeds: [{seeds}]
"""


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_many_cells(tmp_path: Path) -> None:
    programs, runs = tmp_path / "bin", tmp_path / "runs"
    programs.mkdir()
    for name in ("sbatch", "squeue", "srun", "sinfo", "scancel"):
        (programs / name).write_text(Path(fake_slurm.__file__).read_text())
        (programs / name).chmod(0o755)
    plan = tmp_path / "many.yaml"
    plan.write_text(PLAN.format(seeds=", ".join(map(str, range(CELLS // 2)))))
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PTB_LITE_CONFIG": str(tmp_path / "config"),
        "FAKE_SLURM": str(tmp_path),
        "FAKE_SLURM_RUNS": str(runs),
        "FAKE_SLURM_SPEED": "500",
    }
    command = [sys.executable, "-m", "ptb_lite", "experiment", str(plan), "--on", "slurm"]
    began = time.monotonic()
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--runs-dir", str(runs)], env=environment, stdout=said, stderr=said
        )
        _, code, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    seconds = time.monotonic() - began
    told = (tmp_path / "said").read_text()
    assert process.returncode == 1, told[-2000:]  # All runs have ended, and as failed.
    assert len(list(runs.glob("2*-*/status.json"))) == CELLS, told[-2000:]
    lines = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    asked = [float(at) for at, name in lines if name in ("squeue", "sbatch")]
    pause = min(after - before for before, after in pairwise(asked))
    submitted = sum(name == "sbatch" for _, name in lines)
    memory = used.ru_maxrss / 1024
    cells = f"experiment of {CELLS:,} cells on Slurm"
    publish(Figure(f"{cells}: memory of its process", memory, "MB", target_value=300.0))
    publish(
        Figure(
            f"{cells}: shortest time between two requests to the scheduler",
            pause,
            "s",
            better="higher",
            target_value=10.0,
            note=f"{len(lines)} requests in {seconds:.0f} s, {submitted} of them arrays",
        )
    )
    busy = used.ru_utime + used.ru_stime
    publish(Figure(f"{cells}: CPU of its process for a cell", 1000 * busy / CELLS, "ms"))
    print(
        f"\n{cells}: {memory:.0f} MB, {seconds:.0f} s ({busy:.0f} s of CPU), questions"
        f" {pause:.1f} s apart or more, {len(lines)} requests"
    )
