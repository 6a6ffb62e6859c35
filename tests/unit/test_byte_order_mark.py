"""Files that an editor began with a byte order mark are read as those without."""

from __future__ import annotations

from pathlib import Path

from ptb_lite.evaluation.items.fetch import _json_file
from ptb_lite.evaluation.items.item import read_items
from ptb_lite.evaluation.score_file import read_lines

BOM = b"\xef\xbb\xbf"


def test_items(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(BOM + b'{"id": "a", "question": "q", "target": "t"}\n')
    assert [item.id for item in read_items(path)] == ["a"]


def test_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_bytes(BOM + b'{"question": "q"}\n')
    part = {"hub_id": str(tmp_path), "file": "test.jsonl", "revision": None}
    assert list(_json_file(part)) == [{"question": "q"}]


def test_completions(tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    path.write_bytes(BOM + b'{"id": "a", "completion": "c"}')
    assert read_lines(path) == ['{"id": "a", "completion": "c"}']
