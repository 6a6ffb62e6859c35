"""Items per second of ptb-lite's evaluation against the `lm_eval` command as it comes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.evaluation.once import evaluate_once
from tests.functional.evaluation.lm_eval_command import lm_eval_command

pytestmark = pytest.mark.bench
LIMIT = 120


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shots", [0, 5])
def test_items_per_second(shots: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whole processes, start to end; the command at its default batch size of 1."""
    model = embedded_model("gemma-3-270m-embedded")
    benchmark = load_catalog().benchmark("kinship")
    started = time.monotonic()
    ours = evaluate_once(
        model, benchmark, shots=shots, limit=LIMIT, seed=1234, salt="bench", cache=tmp_path
    )
    our_seconds = time.monotonic() - started
    started = time.monotonic()
    theirs = lm_eval_command(
        model, ours.items, tmp_path / "command", shots=shots, limit=LIMIT, batch_size=1
    )
    their_seconds = time.monotonic() - started
    same = sum(theirs.samples[s.item_id][1] == s.correct for s in ours.samples)
    with capsys.disabled():
        print(
            f"\nevaluation, {shots} shots, {LIMIT} items: {LIMIT / our_seconds:.1f} items/s "
            f"({LIMIT / ours.result.seconds:.1f} without loading), lm_eval --batch_size 1 "
            f"{LIMIT / their_seconds:.1f} items/s, ratio {their_seconds / our_seconds:.1f}; "
            f"{same} of {LIMIT} items judged the same across batch sizes"
        )
