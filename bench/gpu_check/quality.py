"""Whether compiled, eager and stock training learn the same: losses and held-out scores.

Every training is a process of its own (`python -m bench.gpu_check.quality SETTINGS.json`),
several at once: nothing here is timed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.gpu_check.rows import Row, write_row

WAYS = ("compiled", "eager", "stock")
SEEDS = (0, 1, 2)
STEPS = 300
COMPARED = 50  # steps, for losses
AT_ONCE = 9


def run(
    rows: Path, model: str, seeds: Sequence[int] = SEEDS, steps: int = STEPS, at_once: int = AT_ONCE
) -> None:
    """A row for each way, and one for each pair of ways."""
    from ptb_lite.catalog.embedded import embedded_model

    folder = embedded_model(model)
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as place:
        jobs = [(way, seed) for seed in seeds for way in WAYS]
        for begin in range(0, len(jobs), at_once):
            together = [
                start(folder, Path(place), *j, steps) for j in jobs[begin : begin + at_once]
            ]
            for one in together:
                one.wait()
        found = {job: _read(Path(place) / f"{job[0]}-{job[1]}.json") for job in jobs}
    (rows.parent / "quality.json").write_text(
        json.dumps({f"{way} {seed}": one for (way, seed), one in found.items()})
    )
    lost = [f"{way}, seed {seed}" for (way, seed), one in found.items() if one is None]
    if lost:
        raise AssertionError(f"no result: {'; '.join(lost)}")
    report(rows, model, found, seeds, steps)


def start(folder: Path, place: Path, way: str, seed: int, steps: int) -> subprocess.Popen[bytes]:
    settings = place / f"{way}-{seed}.settings.json"
    result = place / f"{way}-{seed}.json"
    settings.write_text(
        json.dumps(
            {
                "way": way,
                "seed": seed,
                "steps": steps,
                "folder": str(folder),
                "place": str(place),
                "result": str(result),
            }
        )
    )
    command = [sys.executable, "-m", "bench.gpu_check.quality", str(settings)]
    # One core each: the GPU does the work.
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


def one(settings: dict[str, Any]) -> None:
    """Train one way with one seed, and score it."""
    from bench import recipe

    folder, place = Path(settings["folder"]), Path(settings["place"])
    way, seed, steps = settings["way"], settings["seed"], settings["steps"]
    split = recipe.sums(seed)
    scratch = place / f"{way}-{seed}"
    if way == "stock":
        made = recipe.stock(folder, split, scratch, steps=steps, seed=seed)
    else:
        made = recipe.ours(
            folder, split, scratch, steps=steps, seed=seed, compiled=way == "compiled"
        )
    made.trainer.train()
    losses = [one["loss"] for one in made.trainer.state.log_history if "loss" in one]
    made.save(scratch / "adapter")
    right = recipe.right_items(folder, scratch / "adapter", split.held_out)
    found = {"losses": losses, "right": right, "fallbacks": made.fallbacks}
    Path(settings["result"]).write_text(json.dumps(found))


def report(
    rows: Path,
    model: str,
    found: dict[tuple[str, int], Any],
    seeds: Sequence[int],
    steps: int,
) -> None:
    from bench.recipe import difference

    right = {way: [found[way, seed]["right"] for seed in seeds] for way in WAYS}
    items = len(right[WAYS[0]][0])
    for way in WAYS:
        scores = [sum(one) / len(one) for one in right[way]]
        mean = sum(scores) / len(scores)
        each = ", ".join(f"{score:.1%}" for score in scores)
        what = f"{model}, {way}, {steps} steps, {items} held-out items"
        told = dict.fromkeys(text for seed in seeds for text in found[way, seed]["fallbacks"])
        note = "; ".join((f"seeds {each}", *told))
        write_row(rows, Row("quality", what, f"{mean:.1%}", note=note))
    for first, second in (("compiled", "eager"), ("compiled", "stock"), ("eager", "stock")):
        change, interval = difference(right[first], right[second])
        off = [
            abs(a - b) / b
            for seed in seeds
            for a, b in zip(
                found[first, seed]["losses"][:COMPARED],
                found[second, seed]["losses"][:COMPARED],
                strict=True,
            )
        ]
        write_row(
            rows,
            Row(
                "quality",
                f"{model}, {first} less {second}",
                f"{100 * change:+.1f} points, 95 % interval {100 * interval.low:+.1f} to "
                f"{100 * interval.high:+.1f}",
                note=f"losses of the first {COMPARED} steps off by {sum(off) / len(off):.2%} on "
                f"average, {max(off):.2%} at most",
            ),
        )


def _read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else None


if __name__ == "__main__":
    one(json.loads(Path(sys.argv[1]).read_text()))
