"""What a user of the demo feels: the score that its training time buys, ours against stock TRL.

Independent of the load: seconds of a step are measured by turns, each side trains the steps that
fit into the time box at its own pace, and both are asked the same held-out items. As steps are what
counts then, PTB_LITE_BENCH_AT_ONCE trainings go beside each other on a machine of many cores.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch

from bench import recipe
from bench.figures import Figure, publish
from bench.training_setup import Stopwatch, model_folder
from ptb_lite.agents.own.recipe_main import MAX_EPOCHS, TRAINING_SHARE
from ptb_lite.spec.presets import load_preset
from ptb_lite.training.allocator import keep_freed_memory

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]
SEEDS = int(os.environ.get("PTB_LITE_BENCH_SEEDS", "5"))
AT_ONCE = int(os.environ.get("PTB_LITE_BENCH_AT_ONCE", "1"))
PACE = os.environ.get("PTB_LITE_BENCH_PACE")
PACE_STEPS, TURNS = 4, 3


def test_the_score_of_four_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_freed_memory()
    folder = model_folder()
    box = 60 * BUDGET_MINUTES * TRAINING_SHARE
    pace = given_paces(PACE) if PACE else paces(folder, tmp_path)
    steps = {who: fitting(box, seconds) for who, seconds in pace.items()}
    jobs = [(who, seed) for seed in range(SEEDS) for who in MAKERS]
    with ProcessPoolExecutor(AT_ONCE, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = {
            job: pool.submit(trained, *job, steps[job[0]], folder, tmp_path, torch_threads())
            for job in jobs
        }
        right = {who: [found[who, seed].result() for seed in range(SEEDS)] for who in MAKERS}
    change, interval = recipe.difference(right["ours"], right["stock"])
    means = {who: statistics.fmean(map(statistics.fmean, rows)) for who, rows in right.items()}
    each = "; ".join(
        f"{who} {', '.join(f'{statistics.fmean(one):.1%}' for one in rows)}"
        for who, rows in right.items()
    )
    figure = Figure(
        what=f"the demo's score after its {box:.0f} s of training, {SEEDS} seeds",
        value=100 * means["ours"],
        unit="%",
        better="higher",
        peer="the same recipe by stock TRL SFTTrainer",
        peer_value=100 * means["stock"],
        note=f"{100 * change:+.1f} points, 95 % interval {100 * interval.low:+.1f} to "
        f"{100 * interval.high:+.1f} over seeds and {len(right['ours'][0])} items; "
        f"{steps['ours']} steps of {pace['ours']:.2f} s against {steps['stock']} of "
        f"{pace['stock']:.2f} s; {each}",
    )
    publish(figure)
    with capsys.disabled():
        print(f"\n{figure}")


MAKERS = {"ours": recipe.ours, "stock": recipe.stock}
BUDGET_MINUTES = float(load_preset("offline-demo").budget_minutes)


def trained(
    who: str, seed: int, steps: int, folder: Path, place: Path, threads: int
) -> tuple[bool, ...]:
    """Which held-out items are right after so many steps."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    split = recipe.sums(seed)
    scratch = place / f"{who}-{seed}"
    made = MAKERS[who](folder, split, scratch, steps=steps, seed=seed)
    made.trainer.train()
    made.save(scratch / "adapter")
    del made
    return recipe.right_items(folder, scratch / "adapter", split.held_out)


def torch_threads() -> int:
    """Those of each training: the cores are shared out."""
    return max(1, torch.get_num_threads() // AT_ONCE)


def paces(folder: Path, place: Path) -> dict[str, float]:
    """Seconds of a step of each, by turns; the least of the turns, which others disturbed least."""
    found: dict[str, list[float]] = {who: [] for who in MAKERS}
    split = recipe.sums(0)
    for turn in range(TURNS):
        for who, make in MAKERS.items():
            watch = Stopwatch()
            made = make(folder, split, place / f"pace-{who}-{turn}", steps=PACE_STEPS, seed=turn)
            made.trainer.add_callback(watch)
            made.trainer.train()
            found[who].append(statistics.fmean(watch.seconds[1:]))
    return {who: min(seconds) for who, seconds in found.items()}


def given_paces(text: str) -> dict[str, float]:
    """Seconds of a step of each maker, in their order, with a comma. Raises `ValueError`."""
    return dict(zip(MAKERS, map(float, text.split(",")), strict=True))


def fitting(box: float, seconds: float) -> int:
    """Steps that fit, at most what the recipe trains."""
    epochs = -(-len(recipe.sums(0).train) * MAX_EPOCHS // recipe.BATCH)
    return max(1, min(epochs, int(box / seconds)))
