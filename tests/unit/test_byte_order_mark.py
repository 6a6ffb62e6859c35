"""Files that an editor began with a byte order mark are read as those without."""

from __future__ import annotations

from pathlib import Path

from ptb_lite.catalog.yaml_file import read_yaml
from ptb_lite.evaluation.items.item import read_items

BOM = b"\xef\xbb\xbf"


def test_items(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(BOM + b'{"id": "a", "question": "q", "target": "t"}\n')
    assert [item.id for item in read_items(path)] == ["a"]


def test_yaml(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(BOM + b"model: m\n")
    assert read_yaml(path).values == {"model": "m"}
