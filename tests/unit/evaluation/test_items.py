from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptb_lite.catalog import BenchmarkEntry, load_catalog
from ptb_lite.evaluation.answers import extract_answer, normalise
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.item import Item, completion, prompt, read_items
from ptb_lite.evaluation.items.splits import draw_splits, prepare_items, split_seed

BENCHMARKS = [entry for entry in load_catalog().benchmarks.values() if entry.kind == "procedural"]
SALT = "a" * 64


def small(entry: BenchmarkEntry) -> BenchmarkEntry:
    return entry.model_copy(update={"train_size": 120, "dev_size": 30, "test_size": 60})


@pytest.fixture(params=BENCHMARKS, ids=lambda entry: entry.id)
def entry(request: pytest.FixtureRequest) -> BenchmarkEntry:
    found = request.param
    assert isinstance(found, BenchmarkEntry)
    return found


def questions(items: tuple[Item, ...]) -> set[str]:
    return {normalise(item.question) for item in items}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31), st.text("0123456789abcdef", min_size=1, max_size=64))
def test_the_splits_are_disjoint_for_every_seed_and_salt(seed: int, salt: str) -> None:
    for entry in BENCHMARKS:
        splits = draw_splits(small(entry), seed=seed, salt=salt)
        assert [len(splits[name]) for name in ("train", "dev", "test")] == [120, 30, 60]
        every = [item for split in splits.values() for item in split]
        assert len(questions(tuple(every))) == len(every)
        assert len({item.id for item in every}) == len(every)


def test_the_catalogue_sizes_can_be_drawn(entry: BenchmarkEntry) -> None:
    splits = draw_splits(entry, seed=3, salt=SALT)
    assert len(splits["train"]) == entry.train_size
    assert len(splits["test"]) == entry.test_size
    assert not questions(splits["train"]) & questions(splits["test"])


def test_every_item_is_one_line_with_an_answer(entry: BenchmarkEntry) -> None:
    for split in draw_splits(small(entry), seed=1, salt=SALT).values():
        for item in split:
            assert "\n" not in item.question + item.target
            assert extract_answer(completion(item.target)) is not None
            assert len(prompt(item.question)) < 400


def test_the_test_split_needs_the_salt(entry: BenchmarkEntry) -> None:
    one = draw_splits(small(entry), seed=5, salt="one")
    other = draw_splits(small(entry), seed=5, salt="other")
    again = draw_splits(small(entry), seed=5, salt="one")
    assert one == again
    shared = questions(one["test"]) & questions(other["test"])
    assert len(shared) < len(one["test"]) / 2


@given(st.integers(0, 2**31), st.text(min_size=1, max_size=20))
def test_seeds_differ_by_split_and_the_public_ones_ignore_the_salt(seed: int, salt: str) -> None:
    train = split_seed("train", "b", seed=seed, salt=salt)
    dev = split_seed("dev", "b", seed=seed, salt=salt)
    test = split_seed("test", "b", seed=seed, salt=salt)
    assert len({train, dev, test}) == 3
    assert all(0 <= value < 2**62 for value in (train, dev, test))
    assert train == split_seed("train", "b", seed=seed, salt="")
    assert test != split_seed("test", "b", seed=seed, salt=salt + "x")


def test_an_item_drawn_twice_stays_in_the_test_split() -> None:
    # One-digit sums of two terms: 200 questions, so the splits collide all the time.
    tiny = BenchmarkEntry(
        id="tiny",
        title="tiny",
        kind="procedural",
        generator="chain_sum",
        generator_options={"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
        train_size=40,
        dev_size=20,
        test_size=60,
        num_fewshot=1,
        scored_as="exact match",
    )
    full = draw_splits(tiny, seed=0, salt="s")
    alone = draw_splits(tiny.model_copy(update={"train_size": 1, "dev_size": 1}), seed=0, salt="s")
    assert full["test"] == alone["test"]
    assert not questions(full["train"]) & questions(full["test"])


def test_a_content_space_that_is_too_small_is_named() -> None:
    entry = small(load_catalog().benchmark(BENCHMARKS[0].id)).model_copy(
        update={
            "generator": "chain_sum",
            "generator_options": {
                "min_terms": 2,
                "max_terms": 2,
                "min_digits": 1,
                "max_digits": 1,
            },
            "train_size": 5000,
        }
    )
    with pytest.raises(ItemsError, match="different questions for the train split"):
        draw_splits(entry, seed=0, salt="s")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"generator": "no_such_thing"}, "no generator named"),
        ({"generator_options": {"no_such_option": 1}}, "refuses"),
        ({"generator_options": {"min_terms": 9, "max_terms": 2}}, "refuses"),
    ],
)
def test_wrong_settings_are_said_in_a_sentence(change: dict[str, object], message: str) -> None:
    base = BENCHMARKS[0].model_copy(update={"generator": "chain_sum", "generator_options": {}})
    with pytest.raises(ItemsError, match=message):
        draw_splits(base.model_copy(update=change), seed=0, salt="s")


def test_files_are_kept_when_intact_and_drawn_again_when_not(tmp_path: Path) -> None:
    entry = small(BENCHMARKS[0])
    first = prepare_items(entry, tmp_path, seed=1, salt=SALT)
    stamp = first.test.path.stat().st_mtime_ns
    assert prepare_items(entry, tmp_path, seed=1, salt=SALT) == first
    assert first.test.path.stat().st_mtime_ns == stamp
    good = first.test.path.read_bytes()
    first.test.path.write_bytes(good[:-20])
    assert prepare_items(entry, tmp_path, seed=1, salt=SALT) == first
    assert first.test.path.read_bytes() == good
    assert prepare_items(entry, tmp_path, seed=1, salt="b").test.sha256 != first.test.sha256
    assert "a" * 16 not in (tmp_path / "items.json").read_text()


def test_a_manifest_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    entry = small(BENCHMARKS[0])
    made = prepare_items(entry, tmp_path / "one", seed=1, salt=SALT)
    (tmp_path / "one").rename(tmp_path / "two")
    moved = prepare_items(entry, tmp_path / "two", seed=1, salt=SALT)
    assert moved.test.path == tmp_path / "two" / "test.jsonl"
    assert moved.test.sha256 == made.test.sha256


def test_items_do_not_depend_on_the_process() -> None:
    code = (
        "from pathlib import Path; from ptb_lite.catalog import load_catalog;"
        "from ptb_lite.evaluation.items.splits import draw_splits; import hashlib, json;"
        "print(json.dumps({e.id: hashlib.sha256(repr(draw_splits(e.model_copy(update=dict("
        "train_size=50, dev_size=10, test_size=20)), seed=7, salt='s')).encode()).hexdigest()"
        " for e in load_catalog().benchmarks.values() if e.generator}))"
    )
    outputs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
                cwd=Path(__file__).parents[3],
                check=True,
                capture_output=True,
            ).stdout
        )
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) >= 3


@given(st.binary(max_size=200))
def test_any_bytes_are_items_or_a_clear_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "items.jsonl"
        path.write_bytes(data)
        with suppress(ItemsError):
            assert all(item.id for item in read_items(path)) or b'""' in data


def test_the_line_that_is_no_item_is_named(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"id": "a", "question": "q", "target": "t"}\n{"id": 1}\n')
    with pytest.raises(ItemsError, match="line 2 is not an item"):
        read_items(path)
