"""The ledger folded from a journal: outcomes, the best so far, and what dev promised."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ptb_lite.events import AgentEnded, Event, Outcome, Payload
from ptb_lite.ledger_notes import (
    AdapterSaved,
    CommandSeen,
    ModelScored,
    ScoringBegan,
    SubmissionChanged,
    TrainingBegan,
    TrainingEnded,
)
from ptb_lite.report.drawing import ledger_plot
from ptb_lite.report.ledger_text import ledger_lines
from ptb_lite.runs.ledger import Ledger, LedgerFold, iterations
from ptb_lite.stats.scoring import unpaired_interval
from tests.unit.runs.test_success import scores

W = {name: name * 64 for name in "abcd"}


def began(use: str, at: float) -> TrainingBegan:
    return TrainingBegan(
        use=use * 8, seconds=at, file="d.jsonl", rows=9, steps=4, process_seen=True
    )


def scored(use: str, at: float, weights: str, score: float, model: str = "m") -> ModelScored:
    return ModelScored(
        use=use * 8,
        seconds=at,
        model=model,
        weights=W.get(weights, ""),
        benchmark="add-numbers",
        split="dev",
        n=40,
        score=score,
        process_seen=True,
    )


def saved(use: str, at: float, weights: str) -> AdapterSaved:
    return AdapterSaved(use=use * 8, seconds=at, folder="o", step=4, weights=W[weights])


def ended(use: str, at: float, first: float = 3.0, last: float = 1.0) -> TrainingEnded:
    return TrainingEnded(
        use=use * 8,
        seconds=at,
        outcome=Outcome.FINISHED,
        steps=4,
        loss_first=first,
        loss_last=last,
    )


def fold(*payloads: Payload) -> Ledger:
    made = LedgerFold()
    for seq, payload in enumerate(payloads, 1):
        made.take(Event(seq=seq, time=datetime(2026, 1, 1, tzinfo=UTC), payload=payload))
    return made.ledger(["add-numbers"])


STORY: tuple[Payload, ...] = (
    ScoringBegan(use="0" * 8, seconds=5),
    scored("0", 9, "", 0.70, model="base"),
    began("a", 10),
    saved("a", 30, "a"),
    ended("a", 31),
    scored("1", 40, "a", 0.50),
    SubmissionChanged(seconds=42, files=2, bytes=10, weights=W["a"]),
    began("b", 50),
    saved("b", 70, "b"),
    ended("b", 71),
    scored("2", 80, "b", 0.45),
    began("c", 90),
    began("d", 100),
    saved("d", 120, "d"),
    ended("d", 121),
    scored("3", 130, "d", 0.60),
    SubmissionChanged(seconds=131, files=2, bytes=10, weights=W["d"]),
    CommandSeen(what="training", command="python train.py", began=140, ended=150),
    AgentEnded(outcome=Outcome.FINISHED, exit_code=0, seconds=200),
)


def test_a_story_is_told_with_its_outcomes_and_figures() -> None:
    ledger = fold(*STORY)
    assert [each.outcome for each in ledger.trainings] == [
        "kept",
        "discarded",
        "crashed",
        "kept",
        "unknown",
    ]
    # The base model is no improvement, and neither is a score below the best.
    assert ledger.best == ((40, 0.50), (130, 0.60))
    final = scores("1" * 18 + "0" * 22)
    found = iterations(ledger, [final], W["d"], 200)
    assert (found.trainings, found.kept, found.discarded, found.crashed) == (5, 2, 1, 1)
    assert (found.by_other_means, found.changes, found.unseen) == (1, 2, 0)
    assert (found.best, found.last_improvement, found.after_it) == (0.60, 130, 70)
    (one,) = found.optimism
    assert (one.dev, one.final) == (0.60, 0.45)
    assert one.difference == pytest.approx(0.15)
    interval = unpaired_interval(24, 40, 18, 40)
    assert (one.low, one.high) == (interval.low, interval.high)
    assert iterations(ledger, [final], W["c"], 200).optimism == ()

    lines = list(ledger_lines(ledger, found))
    assert lines[0].startswith("ledger: 5 trainings (2 kept, 1 discarded, 1 crashed)")
    assert all(len(line) < 160 for line in lines)
    bars = next(line for line in lines if line.strip().startswith("training"))
    assert [bars.count(mark) > 0 for mark in "█▒x░"] == [True] * 4
    assert any("reached at 2 min 10 s, 1 min 10 s before its end" in line for line in lines)
    plot = ledger_plot(ledger)
    assert plot is not None
    assert (len(plot.bars), len(plot.dots), len(plot.ticks)) == (5, 4, 2)
    assert plot.best.startswith("M")


def test_an_agent_at_work_has_no_crash_yet_and_an_idle_one_no_ledger() -> None:
    assert [each.outcome for each in fold(began("a", 10)).trainings] == ["running"]
    empty = fold(AgentEnded(outcome=Outcome.FINISHED, exit_code=0, seconds=9))
    assert empty.empty
    assert list(ledger_lines(empty, None)) == []
    assert ledger_plot(empty) is None


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (SubmissionChanged(seconds=9, files=6, bytes=536_000_000), "unknown"),
        (SubmissionChanged(seconds=9, files=2, bytes=900_000, weights="f" * 64), "unknown"),
        (SubmissionChanged(seconds=9, files=1, bytes=800), "discarded"),
        (SubmissionChanged(seconds=2, files=6, bytes=536_000_000), "discarded"),
    ],
    ids=["merged", "averaged", "no weights yet", "before it ended"],
)
def test_what_went_into_other_weights_is_not_called_discarded(
    change: SubmissionChanged, outcome: str
) -> None:
    ledger = fold(began("a", 1), saved("a", 2, "a"), ended("a", 3), change)
    assert [each.outcome for each in ledger.trainings] == [outcome]


def test_a_note_that_lies_of_weights_is_kept_only_by_what_the_host_hashed() -> None:
    """The agent may claim anything; without a change of final_model/ nothing was kept."""
    ledger = fold(began("a", 1), saved("a", 2, "a"), ended("a", 3), scored("1", 4, "a", 1.0))
    assert [each.outcome for each in ledger.trainings] == ["discarded"]
    assert iterations(ledger, [scores("1" * 40)], "", 10).optimism == ()


def test_the_interval_of_independent_proportions_is_the_published_one() -> None:
    """Newcombe 1998, table II (a): 56/70 against 48/80."""
    found = unpaired_interval(56, 70, 48, 80)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert unpaired_interval(0, 0, 1, 2).low == -1.0
