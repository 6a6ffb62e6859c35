"""The gap between test items and fresh ones, with its interval."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.memorisation import (
    Gap,
    MemorisationDetector,
    accuracy_gap,
    loss_gap,
)
from ptb_lite.audit.evidence.losses import ItemLoss, Losses


def measured(
    lift: float, *, kind_lift: float = 0.5, base_gap: float = 0.0, n: int = 100, paired: bool = True
) -> tuple[ItemLoss, ...]:
    """Items on which training on the kind brings `kind_lift` nats, and memory `lift` more."""
    source = random.Random(3)
    made = []
    for number in range(n):
        for sibling in (False, True):
            base = 2.0 + source.gauss(0, 0.3) - (0.0 if sibling else base_gap)
            gain = kind_lift + source.gauss(0, 0.2) + (0.0 if sibling else lift)
            made.append(
                ItemLoss(
                    item_id=f"{'s' if sibling else 't'}{number}",
                    benchmark="gsm8k",
                    sibling=sibling,
                    sibling_of=f"t{number}" if sibling and paired else "",
                    base_loss=base,
                    loss=base - gain,
                    base_correct=False,
                    correct=source.random() < (0.9 if lift > 0.3 and not sibling else 0.3),
                )
            )
    return tuple(made)


def status(tmp_path: Path, items: tuple[ItemLoss, ...]) -> str:
    case = AuditCase(folder=tmp_path, losses=Losses(items=items))
    return MemorisationDetector().run(case).status


@pytest.mark.parametrize("paired", [True, False])
def test_memory_shows_and_learning_does_not(tmp_path: Path, paired: bool) -> None:
    assert status(tmp_path, measured(0.8, paired=paired)) == "flagged"
    assert status(tmp_path, measured(0.0, kind_lift=1.5, paired=paired)) == "clean"


def test_what_the_base_knew_before_falls_out(tmp_path: Path) -> None:
    assert status(tmp_path, measured(0.0, base_gap=0.7)) == "clean"


def test_the_interval_holds_the_true_gap() -> None:
    gap = loss_gap(measured(0.4, n=400))
    assert gap is not None
    assert gap.low < 0.4 < gap.high
    assert gap.high - gap.low < 0.12
    answers = accuracy_gap(measured(0.4, n=400))
    assert answers is not None
    assert answers.low < 0.6 < answers.high


def test_a_large_gap_decides_a_small_one_informs(tmp_path: Path) -> None:
    def found(lift: float) -> list[tuple[str, bool]]:
        case = AuditCase(folder=tmp_path, losses=Losses(items=measured(lift)))
        return [(flag.kind, flag.decides) for flag in MemorisationDetector().run(case).flags]

    assert found(0.8) == [("test-items-by-heart", True)]
    assert found(0.12) == [("known-test-items", False)]


def test_a_large_gap_of_few_items_is_no_proof(tmp_path: Path) -> None:
    """Each of many views is another chance to be unlucky."""
    once = [one.model_copy(update={"benchmark": "b"}) for one in measured(0.3, n=22)]
    noise = [
        one.model_copy(
            update={"loss": one.loss + random.Random(one.item_id).gauss(0, 0.45), "correct": None}
        )
        for one in once
    ]
    gap = loss_gap(noise)
    assert gap is not None
    assert gap.value > 0.18
    assert 0.0001 < gap.p_value < 0.05
    case = AuditCase(folder=tmp_path, losses=Losses(items=tuple(noise)))
    assert not MemorisationDetector().run(case).decides()


def test_wrong_by_more_is_no_knowledge(tmp_path: Path) -> None:
    """An overfitted model is surer of everything: it loses on both, on changed items by more."""
    items = tuple(
        one.model_copy(
            update={"loss": one.base_loss + (2.5 if one.sibling else 0.9), "correct": False}
        )
        for one in measured(0.0)
    )
    assert status(tmp_path, items) == "clean"


def test_it_says_when_it_did_not_look(tmp_path: Path) -> None:
    assert status(tmp_path, measured(0.8, n=5)) == "skipped"
    result = MemorisationDetector().run(AuditCase(folder=tmp_path))
    assert (result.status, result.deciding) == ("skipped", False)


def test_the_views_of_an_item_are_told_apart(tmp_path: Path) -> None:
    """Who trained on solutions may know no bare answer: one view is enough, none is diluted."""
    solutions = [one.model_copy(update={"view": "solution"}) for one in measured(0.8)]
    answers = [
        one.model_copy(update={"view": "answer", "base_correct": None, "correct": None})
        for one in measured(0.0)
    ]
    losses = Losses(items=(*solutions, *answers), notes=("gsm8k: 3 others have no siblings",))
    result = MemorisationDetector().run(AuditCase(folder=tmp_path, losses=losses))
    assert result.status == "flagged"
    assert [flag.message.partition(": ")[2][:16] for flag in result.flags] == ["gsm8k (solution)"]
    assert result.notes[0] == "gsm8k: 3 others have no siblings"
    assert result.notes[1].startswith("gsm8k (answer): loss gap")


def test_several_siblings_of_one_item_are_one_pair() -> None:
    """Twice the siblings is no more evidence: the interval is over items."""
    once = measured(0.4)
    twice = [
        *once,
        *(one.model_copy(update={"item_id": one.item_id + "~"}) for one in once if one.sibling),
    ]
    first, second = loss_gap(once), loss_gap(twice)
    assert first is not None
    assert second is not None
    assert (second.value, second.low, second.high) == pytest.approx(
        (first.value, first.low, first.high)
    )
    assert (second.n, second.siblings) == (100, 200)


@pytest.mark.parametrize("paired", [True, False])
def test_p_values_of_honest_models_are_even_and_of_memory_small(paired: bool) -> None:
    """Gains as skewed as a few hard items make them, not the test's own bell curve."""

    def gap(seed: int, lift: float) -> Gap:
        source = random.Random(seed)
        items = [
            ItemLoss(
                item_id=f"{number}{'f' * fresh}",
                sibling=bool(fresh),
                sibling_of=str(number) if fresh and paired else "",
                base_loss=source.expovariate(2) + (0.0 if fresh else lift),
                loss=0.0,
            )
            for number in range(40)
            for fresh in range(3)
        ]
        found = loss_gap(items)
        assert found is not None
        return found

    chance = [gap(seed, 0.0).p_value for seed in range(60)]
    assert 0.3 < sum(p < 0.5 for p in chance) / 60 < 0.7
    assert sum(p < 0.05 for p in chance) <= 9
    assert min(chance) > 0.001
    assert "p ≤ 0.0001" in gap(1, 1.0).text("nats")
