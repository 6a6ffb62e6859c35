"""What a user of the demo feels: the score that its training time buys, ours against stock TRL.

Independent of the load: seconds of a step are measured by turns, each side trains the steps that
fit into the time box at its own pace, and both are asked the same held-out items.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest

from bench import recipe
from bench.figures import Figure, publish
from bench.training_setup import Stopwatch, model_folder
from ptb_lite.agents.own.recipe_main import MAX_EPOCHS, TRAINING_SHARE
from ptb_lite.spec.presets import load_preset
from ptb_lite.training.allocator import keep_freed_memory

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]
SEEDS = int(os.environ.get("PTB_LITE_BENCH_SEEDS", "5"))
PACE_STEPS, TURNS = 4, 3


def test_the_score_of_four_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_freed_memory()
    folder = model_folder()
    box = 60 * BUDGET_MINUTES * TRAINING_SHARE
    pace = paces(folder, tmp_path)
    steps = {who: fitting(box, seconds) for who, seconds in pace.items()}
    right: dict[str, list[tuple[bool, ...]]] = {"ours": [], "stock": []}
    for seed in range(SEEDS):
        split = recipe.sums(seed)
        for who, make in MAKERS.items():
            place = tmp_path / f"{who}-{seed}"
            made = make(folder, split, place, steps=steps[who], seed=seed)
            made.trainer.train()
            made.save(place / "adapter")
            del made
            right[who].append(recipe.right_items(folder, place / "adapter", split.held_out))
    change, interval = recipe.difference(right["ours"], right["stock"])
    means = {who: statistics.fmean(map(statistics.fmean, found)) for who, found in right.items()}
    each = "; ".join(
        f"{who} {', '.join(f'{statistics.fmean(one):.1%}' for one in found)}"
        for who, found in right.items()
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


def fitting(box: float, seconds: float) -> int:
    """Steps that fit, at most what the recipe trains."""
    epochs = -(-len(recipe.sums(0).train) * MAX_EPOCHS // recipe.BATCH)
    return max(1, min(epochs, int(box / seconds)))
