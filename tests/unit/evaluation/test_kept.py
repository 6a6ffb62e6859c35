"""Completions on disk: torn lines, other keys, hostile content."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.evaluation.engine.completion_log import StoredCompletions


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    StoredCompletions(path, "k").add({"one\n": " 1\n", "zwei ü": ""})
    again = StoredCompletions(path, "k")
    assert (again.find("one\n"), again.find("zwei ü"), again.find("three")) == (" 1\n", "", None)
    again.add({"three": "3"})
    assert len(StoredCompletions(path, "k")) == 3


def test_another_key_starts_over(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    StoredCompletions(path, "k").add({"one": "1"})
    other = StoredCompletions(path, "other")
    assert other.find("one") is None
    # And the first key's are gone: the file is of one task.
    assert StoredCompletions(path, "k").find("one") is None


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_torn_line_costs_its_batch_only(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "kept.jsonl"
    kept = StoredCompletions(path, "k")
    kept.add({"one": "1"})
    kept.add({"two": "2"})
    path.write_bytes(path.read_bytes()[:-cut])
    again = StoredCompletions(path, "k")
    assert (again.find("one"), again.find("two")) == ("1", None)
    again.add({"two": "2", "three": "3"})
    last = StoredCompletions(path, "k")
    assert [last.find(name) for name in ("one", "two", "three")] == ["1", "2", "3"]


@given(st.binary(max_size=300))
def test_any_file_is_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("kept") / "kept.jsonl"
    path.write_bytes(data)
    kept = StoredCompletions(path, "k")
    kept.add({"one": "1"})
    assert StoredCompletions(path, "k").find("one") == "1"


def test_done_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    kept = StoredCompletions(path, "k")
    kept.add({"one": "1"})
    kept.discard()
    kept.discard()
    assert not path.exists()
