"""`scripts/gpu-check`: everything that has to be seen on a real GPU, in one table.

Each step is a process of its own, so that one that dies leaves the others and the GPU as they
were. Rows are kept as they come; --table prints the table of what is there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from bench.gpu_check.rows import Row, read_rows, table, write_row
from ptb_lite.hardware.device import cuda_device

STEPS = (
    "doctor",
    "job",
    "gradients",
    "training",
    "quality",
    "ways",
    "packing",
    "optimiser",
    "generation",
    "decoding",
    "batches",
    "engines",
    "engine-sizes",
    "engine-ways",
    "engine-card",
    "sandbox",
    "memory",
)
GENERATED = ("qwen3-0.6b-base", "gemma-3-1b-pt", "qwen3-4b-base")


def main() -> int:
    given = parser().parse_args()
    if not given.table and given.only != "doctor" and cuda_device() is None:
        print(
            "error: no NVIDIA GPU can be used here: check that nvidia-smi shows one",
            file=sys.stderr,
        )
        return 2
    rows = given.output / "rows.jsonl"
    given.output.mkdir(parents=True, exist_ok=True)
    if given.step:
        run_step(given.step, rows, given)
        return 0
    steps = given.only.split(",") if given.only else STEPS
    failed = [] if given.table else [step for step in steps if not start_step(step, rows, given)]
    text = table(read_rows(rows))
    (given.output / "table.md").write_text(text, encoding="utf-8")
    print(text)
    if failed:
        print(f"not to the end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/gpu-check", description=__doc__)
    made.add_argument("--output", type=Path, default=Path("gpu-check"))
    made.add_argument("--only", help=f"steps, of {', '.join(STEPS)}, with commas")
    made.add_argument("--models", help="catalogue ids for training, packing and engine-sizes")
    made.add_argument(
        "--embedded", default="gemma-3-270m-embedded", help="the model that the engines answer by"
    )
    made.add_argument("--caps", help="gigabytes that training may use, with commas")
    made.add_argument("--lengths", default="even,mixed", help="of training's examples: even, mixed")
    made.add_argument(
        "--with",
        dest="peers",
        choices=("unsloth",),
        action="append",
        default=[],
        help="measure another trainer beside ours in the step training",
    )
    made.add_argument("--no-stock", action="store_true", help="training without stock TRL")
    made.add_argument("--minutes", type=float, default=2.0, help="the main job's time box")
    made.add_argument("--limit", type=int, default=150, help="the main job's test items")
    made.add_argument("--step-seconds", type=float, default=1800.0, help="limit of each step")
    made.add_argument("--table", action="store_true", help="print the table of earlier steps")
    made.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    return made


def start_step(step: str, rows: Path, given: argparse.Namespace) -> bool:
    """Whether the step came to its end; a row says so when it did not."""
    command = [sys.executable, "-m", "bench.gpu_check", *sys.argv[1:], "--step", step]
    try:
        code = subprocess.run(command, timeout=given.step_seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        write_row(rows, Row(step, "the step", "time exceeded", note=f"{given.step_seconds:g} s"))
        return False
    if code != 0:
        write_row(rows, Row(step, "the step", "failed", note=f"exit code {code}: see above"))
    return code == 0


def run_step(step: str, rows: Path, given: argparse.Namespace) -> None:
    match step:
        case "doctor" | "job":
            from bench.gpu_check import whole_run

            if step == "doctor":
                whole_run.doctor(rows)
            else:
                whole_run.main_job(rows, given.minutes, given.limit)
        case "training":
            from bench.gpu_check import training

            models = tuple(training.model_names(given.models))
            caps = given.caps.split(",") if given.caps else training.CAPS_GB
            training.run(
                rows,
                models,
                tuple(int(cap) for cap in caps),
                lengths=tuple(given.lengths.split(",")),
                peers=tuple(given.peers),
                stock=not given.no_stock,
            )
        case "gradients":
            from bench.gpu_check import gradients

            gradients.run(
                rows, tuple(given.models.split(",")) if given.models else gradients.MODELS
            )
        case "quality":
            from bench.gpu_check import quality

            quality.run(rows, given.embedded)
        case "ways":
            from bench.gpu_check import plan_choices

            plan_choices.run(rows, "qwen3-1.7b-base")
        case "packing":
            from bench.gpu_check import packing

            packing.run(rows, tuple(given.models.split(",")) if given.models else packing.MODELS)
        case "optimiser":
            from bench.gpu_check import optimiser

            optimiser.run(rows)
        case "generation":
            from bench.gpu_check import generation

            generation.run(rows, tuple(given.models.split(",")) if given.models else GENERATED)
        case "decoding":
            from bench.gpu_check import decoding

            decoding.run(rows, given.embedded)
        case "batches":
            from bench.gpu_check import batches

            batches.run(rows)
        case "engines":
            from bench.gpu_check import engines

            engines.run(rows, model=given.embedded, device="cuda")
        case "engine-sizes":
            from bench.gpu_check import engine_sizes

            engine_sizes.run(rows, tuple(given.models.split(",")) if given.models else GENERATED)
        case "engine-ways":
            from bench.gpu_check import engine_starts

            engine_starts.run(rows, model=given.embedded)
        case "engine-card":
            from bench.gpu_check import engine_memory

            engine_memory.run(rows, model=given.embedded)
        case "sandbox":
            from bench.gpu_check import sandboxed

            sandboxed.run(rows)
        case "memory":
            from bench.gpu_check import memory

            memory.run(rows)


if __name__ == "__main__":
    sys.exit(main())
