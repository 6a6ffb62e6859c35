"""The `lm_eval` command as a person would type it, for comparison."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.engine.lm.task_definition import write_task_file
from ptb_lite.evaluation.engine.worker import OFFLINE
from ptb_lite.evaluation.items.splits import ItemFiles


@dataclass(frozen=True)
class CommandScore:
    """`samples`: item id to (completion, correct)."""

    score: float
    samples: dict[str, tuple[str, bool]]


def lm_eval_command(
    model: Path, items: ItemFiles, output: Path, *, shots: int, limit: int, batch_size: int
) -> CommandScore:
    """What `lm_eval` says of the packaged task. Raises CalledProcessError when it fails."""
    metadata = {"items": str(items.test.path), "shots": str(items.train.path)}
    task = find_benchmark(items.benchmark)
    definition = write_task_file(task, output.with_suffix(".yaml"))
    options = ("--num_fewshot", str(shots), "--limit", str(limit), "--batch_size", str(batch_size))
    scores = run_lm_eval(model, definition, metadata, output, options)["results"]
    (samples,) = output.rglob("samples_*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    return CommandScore(
        score=scores[f"ptb_lite_{items.benchmark}"]["correct,none"],
        samples={
            line["doc"]["id"]: (line["filtered_resps"][0], line["correct"] == 1.0) for line in lines
        },
    )


def run_lm_eval(
    model: Path,
    definition: Path,
    metadata: Mapping[str, str],
    output: Path,
    options: Sequence[str],
) -> dict[str, Any]:
    """The results file of `lm_eval run`. Raises CalledProcessError when it fails."""
    subprocess.run(
        [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "hf"),
            *("--model_args", f"pretrained={model},dtype=bfloat16"),
            *("--tasks", str(definition), "--metadata", json.dumps(metadata)),
            *("--device", "cpu", "--log_samples", "--output_path", str(output), *options),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, **OFFLINE},
        timeout=280,
    )
    (results,) = output.rglob("results_*.json")
    found: dict[str, Any] = json.loads(results.read_text())
    return found
