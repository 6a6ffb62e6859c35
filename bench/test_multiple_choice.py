"""Multiple choice by log-likelihood against lm-eval's own model class at its best batch size."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from bench.figures import Figure, publish
from bench.generation import compare, our_lm, stock_lm, task_requests
from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.embedded import embedded_model
from ptb_lite.evaluation.engine.lm.task_definition import TEMPLATES
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.items.splits import ItemFiles, prepare_items
from ptb_lite.files import write_lines

pytestmark = pytest.mark.bench
CHOICES = 4
FEW = 8
# The peer computes every example again for every choice: 200 items of 5 shots take it minutes.
LIMITS = {0: 200, 5: 40}


def with_choices(files: ItemFiles) -> ItemFiles:
    """The items of kinship, each with its answer and three others in a random order."""
    draw = random.Random(5)
    answers = sorted({item.target for item in read_items(files.train.path)})
    for part in (files.train, files.test):
        made = []
        for item in read_items(part.path):
            others = draw.sample([one for one in answers if one != item.target], CHOICES - 1)
            choices = draw.sample([item.target, *others], CHOICES)
            made.append(item.model_copy(update={"metadata": {"choices": choices}}))
        write_lines(part.path, made)
    return files


def picked(answers: list[Any]) -> list[int]:
    """The place of the likeliest choice of each item."""
    items = [answers[begin : begin + CHOICES] for begin in range(0, len(answers), CHOICES)]
    return [max(range(CHOICES), key=lambda place: item[place][0]) for item in items]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("shots", [0, 5])
def test_multiple_choice(shots: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = embedded_model("gemma-3-270m-embedded")
    entry = load_catalog().benchmark("kinship")
    items = with_choices(prepare_items(entry, tmp_path / "items", seed=1234, salt="bench"))
    limit = LIMITS[shots]
    _, requests = task_requests(TEMPLATES / "choices.yaml", items, shots=shots, limit=limit)
    assert len(requests) == limit * CHOICES
    found = compare(
        our_lm(model),
        stock_lm(model),
        requests,
        requests[: FEW * CHOICES],
        lambda lm, asked: lm.loglikelihood(list(asked), disable_tqdm=True),
    )
    same = sum(a == b for a, b in zip(picked(found.ours), picked(found.theirs), strict=True))
    furthest = max(abs(a[0] - b[0]) for a, b in zip(found.ours, found.theirs, strict=True))
    what = f"multiple choice, {shots}-shot, {limit} items of {CHOICES}"
    note = f"{same} of {limit} items answered the same, log-likelihoods within {furthest:.2f}"
    with capsys.disabled():
        print(
            f"\n{what}: {found.our_seconds:.1f} s, lm_eval at batch size {found.size} "
            f"{found.their_seconds:.1f} s, ratio {found.ratio:.1f}; {note}; the peer's sizes on "
            f"{FEW} items: {found.tried}"
        )
    publish(
        Figure(
            what=what,
            value=found.our_seconds,
            unit="s",
            peer=f"lm_eval's hf model, batch size {found.size}",
            peer_value=found.their_seconds,
            target_ratio=3,
            note=note,
        )
    )
    assert same >= 0.95 * limit
