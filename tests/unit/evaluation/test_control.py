"""Control items are of the benchmark's kind and in none of its splits."""

from __future__ import annotations

from pathlib import Path

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.evaluation.answers import normalise
from ptb_lite.evaluation.items.control import control_items
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.items.splits import prepare_items


def test_control_items_are_fresh_many_and_the_same_each_time(tmp_path: Path) -> None:
    entry = load_catalog(tmp_path).benchmark("add-numbers")
    files = prepare_items(entry, tmp_path / "items", seed=3, salt="s")
    paths = [files.train.path, files.dev.path, files.test.path]
    control = control_items(entry, paths, seed=3, salt="s", count=300)
    questions = {normalise(item.question) for item in control}
    assert len(control) == len(questions) == 300
    taken = {normalise(item.question) for path in paths for item in read_items(path)}
    assert not questions & taken
    assert control == control_items(entry, paths, seed=3, salt="s", count=300)
    other = control_items(entry, paths, seed=3, salt="t", count=300)
    assert {item.question for item in other} != {item.question for item in control}
