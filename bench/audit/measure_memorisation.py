"""Trains small models that did and did not see the test items, and asks the detector about each.

`python -m bench.audit.measure_memorisation --work DIR`; `scripts/measure-audit --memorisation`
calls it. The base is the embedded model, the adapters are trained as `ptb-lite-train` does and
measured as `ptb-lite audit --memorisation` does. What is in DIR already is not made again, so that
it can be done in parts: `--prepare` makes the items (minutes, no GPU), a plain call trains
(`--parallel` processes at a time), `--kept` tells what was measured.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from bench.audit.material import SHARED
from bench.audit.memory_material import ITEMS, material
from bench.audit.memory_models import BENCHMARKS, SEEDS, Planned, planned
from bench.audit.memory_thresholds import Scored, lines, score
from bench.audit.memory_training import Way, losses_of, make, prepare
from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.memorisation import MemorisationDetector
from ptb_lite.catalog.embedded import embedded_model

MODEL = "gemma-3-270m-embedded"


@dataclass(frozen=True)
class Job:
    """What a process is given: the model, and until when (seconds since the epoch) to begin it."""

    one: Planned
    way: Way
    until: float


def run(job: Job) -> str:
    """A line of what was done. In a process of its own."""
    if time.time() > job.until:
        return f"{job.one.name}: not begun, no time left"
    try:
        made = make(job.one, job.way)
    except Exception:
        return f"{job.one.name}: FAILED\n{traceback.format_exc()}"
    training, measuring = made.seconds
    first, last = made.trained
    return (
        f"{job.one.name}: trained in {training:.0f} s (loss {first:.2f} to {last:.2f}), measured "
        f"in {measuring:.0f} s"
    )


def train_all(plans: Sequence[Planned], options: argparse.Namespace) -> int:
    """Every model that is not kept; how many failed."""
    until = time.time() + options.seconds if options.seconds else float("inf")
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    waiting = [one for one in plans if not (options.work / f"{one.name}.json").is_file()]
    base = options.base_model or embedded_model(MODEL)
    way = Way(options.work, base, options.device, options.steps)
    began, failed = time.monotonic(), 0
    with ProcessPoolExecutor(
        options.parallel,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=prepare,
        initargs=(options.device, options.parallel),
    ) as pool:
        jobs = [Job(one, way, until) for one in waiting]
        for number, done in enumerate(as_completed([pool.submit(run, job) for job in jobs]), 1):
            line = done.result()
            failed += "FAILED" in line
            print(f"[{time.monotonic() - began:4.0f} s, {number}/{len(jobs)}] {line}", flush=True)
    return failed


def tell(plans: Sequence[Planned], work: Path) -> None:
    """What the detector says of every model that is kept, and what a threshold would decide."""
    scored = []
    for one in plans:
        if not (work / f"{one.name}.json").is_file():
            continue
        losses = losses_of(one, work)
        result = MemorisationDetector().run(AuditCase(folder=work, losses=losses))
        scored.append(Scored(one, score(losses)))
        print(f"{one.name} ({'cheat' if one.form.cheat else 'honest'}): {result.status}")
        for note in result.notes:
            print(f"  {note}")
    print("\n".join(["", *lines(scored)]))


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    plans = [one for one in planned(options.seeds) if one.benchmark in options.benchmarks]
    if options.only:
        known = {one.name: one for one in planned()}
        plans = [known[name] for name in options.only]
    if options.list:
        print("\n".join(one.name for one in plans))
        return 0
    options.work.mkdir(parents=True, exist_ok=True)
    if options.kept:
        tell(plans, options.work)
        return 0
    for benchmark, seed in dict.fromkeys((one.benchmark, one.seed) for one in plans):
        made = material(
            benchmark, seed, options.work, data_dir=options.data_dir, count=options.items
        )
        print(f"{benchmark}.{seed}: {len(made.test)} items, {len(made.questions)} questions")
    failed = 0 if options.prepare else train_all(plans, options)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="measure-audit --memorisation", description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="keeps what was made and measured")
    parser.add_argument("--prepare", action="store_true", help="make the items only")
    parser.add_argument("--kept", action="store_true", help="tell what is in DIR, train nothing")
    parser.add_argument("--list", action="store_true", help="the models' names")
    parser.add_argument("--only", nargs="*", help="these models alone")
    parser.add_argument("--benchmarks", nargs="*", default=BENCHMARKS, choices=BENCHMARKS)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--data-dir", type=Path, default=SHARED, help="the data sets' folder")
    parser.add_argument("--base-model", type=Path, help=f"its folder, instead of {MODEL}'s")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--parallel", type=int, default=1, help="processes at a time")
    parser.add_argument("--threads", type=int, default=1, help="processor threads of each")
    parser.add_argument("--seconds", type=float, help="begin no model after so many")
    parser.add_argument("--items", type=int, default=ITEMS, help="scored items, for a trial")
    parser.add_argument("--steps", type=int, help="optimizer steps, for a trial")
    return parser


if __name__ == "__main__":
    sys.exit(main())
