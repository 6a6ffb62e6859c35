"""arenahardwriting and healthbench: rows to items, prompts, and the real data where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptb_lite.benchmarks import arenahardwriting, healthbench
from ptb_lite.catalog import load_catalog
from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.items.dataset import dataset_splits
from ptb_lite.evaluation.judge.points import item_score, questions
from ptb_lite.evaluation.judge.prompts import MET, NOT_MET

DATA = Path(__file__).parents[3] / "../shared/data"
needs_data = pytest.mark.skipif(
    not (DATA / "healthbench").is_dir(), reason="the benchmarks' data is not beside the repository"
)


def arena_row(**changes: Any) -> dict[str, Any]:
    answer = {"role": "assistant", "content": {"answer": "A baseline."}}
    return {
        "uid": "abc",
        "category": "creative_writing",
        "prompt": "Write a line.",
        "answer_row": {"uid": "abc", "model": "base", "messages": [answer]},
        **changes,
    }


def health_row(**changes: Any) -> dict[str, Any]:
    return {
        "prompt_id": "p1",
        "example_tags": ["theme:hedging"],
        "prompt": [
            {"role": "user", "content": "I cough."},
            {"role": "assistant", "content": "Since when?"},
            {"role": "user", "content": "A week."},
        ],
        "rubrics": [
            {"criterion": "Says to see a doctor", "points": 7, "tags": ["axis:accuracy"]},
            {"criterion": "Names a drug", "points": -3, "tags": []},
        ],
        "ideal_completions_data": {"ideal_completion": "See a doctor."},
        **changes,
    }


def test_an_arena_row_carries_its_baseline() -> None:
    item = arenahardwriting.item(arena_row())
    assert item is not None
    assert (item.id, item.target) == ("arenahardwriting-abc", "A baseline.")
    plain = arenahardwriting.BENCHMARK
    assert plain.plain(item) + plain.solved(item) == "User: Write a line.\n\nAssistant: A baseline."
    assert [message.content for message in plain.chat(item)] == ["Write a line."]
    assert len(questions("pairwise", item, "mine")) == 2
    assert arenahardwriting.item(arena_row(category="hard_prompt")) is None


@pytest.mark.parametrize("answer_row", [None, {"messages": [{"content": {"answer": " "}}]}])
def test_an_arena_row_without_a_baseline_is_refused(answer_row: object) -> None:
    with pytest.raises(ValueError, match="baseline answer"):
        arenahardwriting.item(arena_row(answer_row=answer_row))


def test_a_conversation_keeps_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert healthbench.item(health_row()) is None  # not one of the Easy ones
    easy = frozenset({healthbench._digest("p1")})
    monkeypatch.setattr(healthbench, "_easy", lambda: easy)
    item = healthbench.item(health_row())
    assert item is not None
    assert item.target == "See a doctor."
    chat = healthbench.BENCHMARK.chat(item)
    assert [turn.role for turn in chat] == ["user", "assistant", "user"]
    plain = healthbench.BENCHMARK.plain(item)
    assert plain == "User: I cough.\n\nAssistant: Since when?\n\nUser: A week.\n\nAssistant:"
    first, second = questions("rubric", item, "Take a pill.")
    assert (
        "assistant: Since when?\n\nuser: A week.\n\nassistant: Take a pill." in first.request.text
    )
    assert "[7] Says to see a doctor" in first.request.text
    assert "[-3] Names a drug" in second.request.text
    assert item_score("rubric", item, [MET, MET]) == pytest.approx(4 / 7)
    assert item_score("rubric", item, [NOT_MET, MET]) == pytest.approx(-3 / 7)
    bare = healthbench.item(health_row(ideal_completions_data=None))
    assert bare is not None
    assert bare.target == ""
    with pytest.raises(ValueError, match="user's turn"):
        healthbench.item(health_row(prompt=[{"role": "assistant", "content": "x"}]))


def test_neither_scores_by_itself() -> None:
    for benchmark in ("arenahardwriting", "healthbench"):
        found = find_benchmark(benchmark)
        item = arenahardwriting.item(arena_row())
        assert item is not None
        assert found.id == benchmark
        assert found.judge(item, "anything").score is None


@needs_data
@pytest.mark.parametrize(
    ("benchmark", "rows", "requests"),
    [("arenahardwriting", 250, 2 * 250), ("healthbench", 245, 1873)],
)
def test_the_real_data(tmp_path: Path, benchmark: str, rows: int, requests: int) -> None:
    entry = load_catalog(tmp_path).benchmark(benchmark)
    splits = dataset_splits(entry, seed=3, feedback="dev", data_dir=DATA)
    assert len(splits.test) == rows - 25 == entry.scored_size("dev")
    everything = (*splits.train, *splits.dev, *splits.test)
    assert len({item.id for item in everything}) == rows
    assert set(splits.held_out) == {item.id for item in (*splits.train, *splits.dev)}
    # An example without an answer would teach to say nothing.
    assert all(item.target for item in splits.train)
    assert entry.judge is not None
    asked = [questions(entry.judge, item, "An answer.") for item in everything]
    assert sum(map(len, asked)) == requests
    if benchmark == "healthbench":
        full = [
            item_score("rubric", i, [MET] * len(q)) for i, q in zip(everything, asked, strict=True)
        ]
        none = [
            item_score("rubric", i, [NOT_MET] * len(q))
            for i, q in zip(everything, asked, strict=True)
        ]
        assert set(none) == {0.0}
        assert max(full) == 1.0


@needs_data
def test_the_fixed_subset_is_the_same_for_before_and_after(tmp_path: Path) -> None:
    entry = load_catalog(tmp_path).benchmark("healthbench")
    one = dataset_splits(entry, seed=3, feedback="test", data_dir=DATA).test
    again = dataset_splits(entry, seed=3, feedback="test", data_dir=DATA).test
    other = dataset_splits(entry, seed=4, feedback="test", data_dir=DATA).test
    assert [item.id for item in one] == [item.id for item in again]
    assert [item.id for item in one[:20]] != [item.id for item in other[:20]]
