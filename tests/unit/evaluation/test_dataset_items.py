"""Splits and order of dataset benchmarks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ptb_lite.catalog import BenchmarkEntry, load_catalog
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.dataset import DatasetSplits, split_rows, stratified
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.items.rows import Rows
from ptb_lite.evaluation.items.splits import prepare_items

CATALOG = load_catalog()


def _items(sizes: dict[str, int]) -> list[Item]:
    return [
        Item(id=f"{name}-{n}", question=f"{name} {n}", target="", metadata={"stratum": name})
        for name, size in sizes.items()
        for n in range(size)
    ]


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 60), min_size=1),
    st.integers(1, 100),
    st.text(max_size=5),
)
def test_every_beginning_has_each_stratum_in_proportion(
    sizes: dict[str, int], limit: int, seed: str
) -> None:
    items = _items(sizes)
    order = stratified(items, seed)
    assert sorted(order, key=lambda i: i.id) == sorted(items, key=lambda i: i.id)
    taken = order[: min(limit, len(items))]
    counts = Counter(str(item.metadata["stratum"]) for item in taken)
    for name, size in sizes.items():
        # Each stratum's own rounding, and one item of every other one that came before.
        assert abs(counts[name] - len(taken) * size / len(items)) <= 1 + len(sizes) / 2


@given(st.permutations(range(40)), st.integers(0, 3))
def test_the_order_does_not_depend_on_that_of_the_rows(places: list[int], seed: int) -> None:
    items = _items({"a": 15, "b": 25})
    assert stratified([items[place] for place in places], str(seed)) == stratified(items, str(seed))


def test_another_seed_is_another_order() -> None:
    items = _items({"a": 30})
    assert stratified(items, "1") != stratified(items, "2")


def _gsm8k(test: int, train: int) -> tuple[BenchmarkEntry, Rows]:
    def rows(name: str, count: int) -> tuple[dict[str, str], ...]:
        return tuple(
            {"question": f"{name} {n}?", "answer": f"Step.\n#### {n}"} for n in range(count)
        )

    entry = CATALOG.benchmark("gsm8k").model_copy(
        update={"test_size": test, "dev_size": 5, "train_size": 20}
    )
    return entry, Rows(rows("test", test), rows("train", train), ())


def test_dev_and_train_are_of_the_train_side() -> None:
    entry, rows = _gsm8k(30, 40)
    # A question that stands on both sides is the test's.
    rows = Rows(rows.test, (*rows.train, rows.test[0]), ())
    made = split_rows(entry, rows, seed=1, feedback="dev")
    assert (len(made.train), len(made.dev), len(made.test)) == (20, 5, 30)
    assert made.held_out == ()
    assert all(item.question.startswith("train") for item in (*made.train, *made.dev))
    assert not {item.id for item in made.train} & {item.id for item in made.dev}
    assert split_rows(entry, rows, seed=1, feedback="test") == made
    assert split_rows(entry, rows, seed=2, feedback="dev").test != made.test


def _humaneval(feedback: str) -> DatasetSplits:
    entry = CATALOG.benchmark("humaneval").model_copy(update={"test_size": 40, "dev_size": 8})
    rows = tuple(
        {
            "task_id": f"HumanEval/{n}",
            "prompt": f"def f{n}():\n",
            "canonical_solution": "    pass\n" * (n % 3 + 1),
            "test": "",
            "entry_point": f"f{n}",
        }
        for n in range(40)
    )
    return split_rows(
        entry, Rows(rows, (), ()), seed=1, feedback="dev" if feedback == "dev" else "test"
    )


def test_without_a_train_side_dev_items_are_not_scored() -> None:
    made = _humaneval("dev")
    assert (len(made.train), len(made.dev), len(made.test)) == (0, 8, 32)
    assert set(made.held_out) == {item.id for item in made.dev}
    assert not set(made.held_out) & {item.id for item in made.test}


def test_in_the_papers_setting_all_test_items_are_scored() -> None:
    made = _humaneval("test")
    assert (len(made.dev), len(made.test), made.held_out) == (0, 40, ())


def test_few_shot_examples_of_the_test_set_are_never_scored() -> None:
    entry = CATALOG.benchmark("humaneval").model_copy(
        update={"test_size": 40, "dev_size": 8, "train_size": 3}
    )
    assert (entry.scored_size("dev"), entry.scored_size("test")) == (29, 37)


def _gpqa(first: int, last: int) -> tuple[dict[str, str], ...]:
    wrong = {f"Incorrect Answer {place}": f"wrong {place}" for place in (1, 2, 3)}
    return tuple(
        {"Question": f"Q{n}?", "Correct Answer": "right", "High-level domain": "Physics", **wrong}
        for n in range(first, last)
    )


def test_gpqa_examples_are_of_the_extended_set_without_the_main_one() -> None:
    entry = CATALOG.benchmark("gpqamain")
    made = split_rows(entry, Rows(_gpqa(0, 448), _gpqa(0, 546), ()), seed=1, feedback="test")
    assert (len(made.train), len(made.dev), len(made.test)) == (68, 30, 448)
    asked = {item.question for item in made.test}
    assert not asked & {item.question for item in (*made.train, *made.dev)}


def test_aime_examples_are_of_the_year_before() -> None:
    entry = CATALOG.benchmark("aime2025")
    rows = Rows(
        tuple({"problem": f"2025 {n}", "answer": str(n * 30)} for n in range(30)),
        tuple({"Problem": f"2024 {n}", "Answer": n, "Solution": "So."} for n in range(30)),
        (),
    )
    made = split_rows(entry, rows, seed=1, feedback="dev")
    assert (len(made.train), len(made.dev), len(made.test)) == (18, 12, 30)
    assert all(item.question.startswith("2024") for item in (*made.train, *made.dev))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (({"question": "x"},), "row 1 is not as expected"),
        (({"question": "x", "answer": "no mark"},), "row 1 is not as expected"),
        ((), "has 0 items, 1319 are expected"),
    ],
)
def test_rows_that_are_not_the_datasets_are_refused(
    rows: tuple[dict[str, str], ...], message: str
) -> None:
    with pytest.raises(ItemsError, match=message):
        split_rows(CATALOG.benchmark("gsm8k"), Rows(rows, (), ()), seed=1, feedback="dev")


def test_prepared_files_are_kept_until_the_data_changes(tmp_path: Path) -> None:
    entry, rows = _gsm8k(12, 30)
    data = tmp_path / "data/gsm8k"
    data.mkdir(parents=True)

    def write(name: str, number: int) -> None:
        lines = [*(rows.test if name == "test" else rows.train)]
        lines[0] = {"question": f"changed {number}", "answer": "#### 1"}
        (data / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    write("test", 1)
    write("train", 2)
    folder = tmp_path / "items"
    first = prepare_items(entry, folder, seed=1, salt="s", data_dir=tmp_path / "data")
    assert prepare_items(entry, folder, seed=1, salt="s", data_dir=tmp_path / "data") == first
    assert len(read_items(first.test.path)) == 12
    write("test", 3)
    changed = prepare_items(entry, folder, seed=1, salt="s", data_dir=tmp_path / "data")
    assert changed.recipe != first.recipe


def test_an_entry_says_where_its_items_come_from() -> None:
    fields = CATALOG.benchmark("gsm8k").model_dump()
    for wrong in (
        {"data": None},
        {"kind": "procedural"},
        {"generator": "chain_sum"},
        {"dev_from": "test", "dev_size": 1319},
        {"data": {**fields["data"], "train": None}},
    ):
        with pytest.raises(ValidationError):
            BenchmarkEntry.model_validate({**fields, **wrong})


@pytest.mark.parametrize("name", ["../x.jsonl", "/x.jsonl", "a/../b", ".hidden", "a//b"])
def test_a_local_file_stays_in_its_folder(name: str) -> None:
    fields = CATALOG.benchmark("gsm8k").model_dump()
    fields["data"]["test"]["local"] = name
    with pytest.raises(ValidationError):
        BenchmarkEntry.model_validate(fields)
