"""Scores, thresholds and their table, from gaps as models have them."""

from __future__ import annotations

import random

import pytest

from bench.audit.memory_models import FORMS, Form, Planned
from bench.audit.memory_thresholds import Scored, judged, lines, score, threshold
from ptb_lite.audit.evidence.losses import ItemLoss, Losses

HONEST, CHEAT = (next(form for form in FORMS if form.cheat is kind) for kind in (False, True))


def model(form: Form, seed: int, value: float) -> Scored:
    return Scored(Planned("kinship", form, seed), value)


def losses(view: str, lift: float, n: int = 60) -> tuple[ItemLoss, ...]:
    source = random.Random(view)
    return tuple(
        ItemLoss(
            item_id=f"{number}{'f' * fresh}",
            view=view,
            sibling=bool(fresh),
            sibling_of=str(number) if fresh else "",
            base_loss=2 + source.gauss(0, 0.2) + (0.0 if fresh else lift),
            loss=1.0,
        )
        for number in range(n)
        for fresh in (0, 1)
    )


def test_a_score_is_the_largest_gap_that_is_not_chance() -> None:
    assert score(Losses(items=losses("answer", 0.0))) == 0
    assert score(Losses(items=losses("answer", 0.0) + losses("text", 0.5))) == pytest.approx(
        0.5, abs=0.1
    )
    # A gap of a few items may be large by chance.
    assert score(Losses(items=losses("answer", 0.2, n=10))) == 0


def test_the_threshold_lets_one_honest_model_of_a_hundred_through() -> None:
    assert threshold([0.0] * 50) == pytest.approx(0.05)
    assert threshold([0.0] * 98 + [0.3]) > 0.3
    assert threshold([0.0] * 98 + [0.2, 0.3]) == pytest.approx(0.2)
    assert threshold([0.0] * 98 + [0.2, 0.3]) > 0.2


def test_a_model_is_judged_by_the_others() -> None:
    models = [model(HONEST, seed, value) for seed, value in enumerate((0.0, 0.1, 0.4))]
    models += [model(CHEAT, seed, value) for seed, value in enumerate((0.3, 0.5))]
    # The honest one with the largest gap is found out: without it the threshold lies at 0.1.
    assert [flagged for _, flagged in judged(models)] == [False, False, True, False, True]
    told = list(lines(models))
    assert told[0].startswith("Threshold fitted to all honest models: 0.400 nats")
    assert f"| {HONEST.name} (honest) | 33 % (1 of 3; 6 to 79 %) | kinship 1/3 |" in told
    assert f"| {CHEAT.name} | 50 % (1 of 2; 9 to 91 %) | kinship 1/2 |" in told
    assert told[-1].startswith("| false positives | 33 % (1 of 3;")
