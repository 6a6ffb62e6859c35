"""`ptb-lite eval` and the `lm_eval` command agree, item by item, on the embedded model."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.evaluation.evaluate_model import evaluate_once
from tests.functional.evaluation.lm_eval_command import lm_eval_command

LIMIT = 8
# lm_eval's default seed for few-shot examples, so that the command needs no --seed.
SEED = 1234


@pytest.mark.parametrize("shots", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_score_and_items_are_those_of_the_command(shots: int, tmp_path: Path) -> None:
    model = embedded_model("gemma-3-270m-embedded")
    ours = evaluate_once(
        model,
        load_catalog().benchmark("kinship"),
        shots=shots,
        limit=LIMIT,
        seed=SEED,
        salt="test",
        cache=tmp_path,
        device="cpu",
        batch_size=8,
    )
    theirs = lm_eval_command(
        model, ours.items, tmp_path / "command", shots=shots, limit=LIMIT, batch_size=8
    )
    assert ours.result.n == len(theirs.samples) == LIMIT
    assert ours.result.score == theirs.score
    assert {s.item_id: (s.completion, s.correct) for s in ours.samples} == theirs.samples
    # Otherwise the comparison would hold for a model that says nothing.
    assert sum(bool(sample.completion.strip()) for sample in ours.samples) > LIMIT / 2
