"""The doctor, and the main job of the offline demo on the GPU, as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.gpu_check.rows import Row, write_row

COMMAND = (sys.executable, "-m", "ptb_lite")


def doctor(rows: Path) -> None:
    done = subprocess.run([*COMMAND, "doctor", "--json"], capture_output=True, text=True)
    for check in json.loads(done.stdout):
        fix = f"; {check['fix']}" if check.get("fix") and check["status"] != "ok" else ""
        write_row(rows, Row("doctor", check["name"], check["status"], note=check["message"] + fix))


def main_job(rows: Path, minutes: float, limit: int) -> None:
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        command = [*COMMAND, "run", "--preset", "offline-demo", "--device", "cuda", "--json"]
        command += ["--minutes", f"{minutes:g}", "--limit", f"{limit}", "--runs-dir", place]
        began = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, "PTB_LITE_STATE": place}
        )
        seconds = time.perf_counter() - began
        if not done.stdout.strip():
            tail = done.stderr.strip()[-400:]
            write_row(rows, Row("main job", "offline-demo on cuda", "failed", note=tail))
            return
        scores = json.loads(done.stdout)
        phases = ", ".join(f"{k} {v:.1f} s" for k, v in scores["time"]["phases"].items())
        for benchmark in scores["benchmarks"]:
            before, shots = benchmark["zero_shot"]["score"], benchmark["few_shot"]["score"]
            after = "none" if benchmark["raw"] is None else f"{benchmark['raw']['score']:.1%}"
            write_row(
                rows,
                Row(
                    "main job",
                    f"offline-demo on cuda, {benchmark['benchmark']}, n = {limit}",
                    f"after {after}",
                    f"zero-shot {before:.1%}, few-shot {shots:.1%}",
                    note=f"{seconds:.0f} s in all; {scores['verdict']}; {phases}",
                ),
            )
        said = [line for path in Path(place).glob("*/journal.jsonl") for line in _training(path)]
        if said:
            write_row(rows, Row("main job", "its last training line", said[-1]))


def _training(journal: Path) -> list[str]:
    lines = journal.read_text(encoding="utf-8").splitlines()
    return [line[-300:] for line in lines if '"kind":"training"' in line]
