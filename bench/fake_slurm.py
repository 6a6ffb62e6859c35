#!/usr/bin/env python3
"""Stands for sbatch, squeue, srun, sinfo and scancel, by the name it is called by.

Notes when it was called, and ends so many of the runs at each squeue: as a cluster of many nodes
would look from its login node, without one. `FAKE_SLURM` names its folder, `FAKE_SLURM_RUNS` that
of the runs, `FAKE_SLURM_SPEED` how many runs end between two questions.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ.get("FAKE_SLURM", "."))


def main() -> None:
    name = Path(sys.argv[0]).name
    with (FOLDER / "calls").open("a") as log:
        log.write(f"{time.time():.3f} {name}\n")
    if name == "sbatch":
        _submit(Path(sys.argv[-1]))
    elif name == "squeue":
        _tell()
    elif name == "sinfo":
        print("debug*|infinite")
    elif name == "srun":
        first = next(at for at, each in enumerate(sys.argv[1:], 1) if not each.startswith("-"))
        sys.exit(subprocess.run(sys.argv[first:]).returncode)


def _submit(batch: Path) -> None:
    known = sorted(int(path.stem) for path in FOLDER.glob("*.array"))
    job = known[-1] + 1 if known else 1
    found = re.search(r"^#SBATCH --array=0-(\d+)", batch.read_text(), re.MULTILINE)
    last = int(found[1]) if found else 0
    (FOLDER / f"{job}.array").write_text(json.dumps([f"{job}_{n}" for n in range(last + 1)]))
    print(f"Submitted batch job {job}")


def _tell() -> None:
    runs = Path(os.environ["FAKE_SLURM_RUNS"])
    speed = int(os.environ["FAKE_SLURM_SPEED"])
    waiting = {job: path for path in FOLDER.glob("*.array") for job in json.loads(path.read_text())}
    for folder in runs.glob("2*-*"):
        if speed == 0:
            break
        path = folder / "status.json"
        status = json.loads(path.read_bytes())
        if status["state"] == "started" and status["job"] in waiting:
            ended = {**status, "state": "ended", "outcome": "failed", "detail": "a fake"}
            path.write_text(json.dumps(ended))
            del waiting[status["job"]]
            speed -= 1
    for path in FOLDER.glob("*.array"):
        path.write_text(json.dumps([job for job, of in waiting.items() if of == path]))
    for job in waiting:
        print(f"{job}|RUNNING")


if __name__ == "__main__":
    main()
