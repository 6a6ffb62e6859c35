from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.training import data
from ptb_lite.training.config import TrainingError
from ptb_lite.training.data import Example, read_examples

GOOD = b'{"prompt": "a", "completion": " b"}\n'


def write(folder: Path, content: bytes) -> Path:
    path = folder / "data.jsonl"
    path.write_bytes(content)
    return path


def test_reads_lines_and_skips_blank_ones(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + b"\n  \n" + GOOD.rstrip())
    assert read_examples(path) == (Example("a", " b"), Example("a", " b"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "line 3 .* is not JSON"),
        (b"[1]", "line 3 .* is not a JSON object"),
        (b'{"prompt": "a"}', 'line 3 .* has no text "completion"'),
        (b'{"prompt": 1, "completion": "b"}', 'line 3 .* has no text "prompt"'),
        (b'{"prompt": "a", "completion": " "}', 'line 3 .* has an empty "completion"'),
        (b"\xff\xfe", "line 3 .* is not UTF-8"),
        (b"[" * 100_000, "line 3 .* is not JSON"),
    ],
)
def test_names_the_bad_line(tmp_path: Path, line: bytes, reason: str) -> None:
    with pytest.raises(TrainingError, match=reason):
        read_examples(write(tmp_path, GOOD + b"\n" + line + b"\n"))


def test_refuses_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "LINE_BYTES", 100)
    with pytest.raises(TrainingError, match=r"line 2 .* longer than 100 bytes"):
        read_examples(write(tmp_path, GOOD + b"x" * 500))


def test_refuses_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="holds no example"):
        read_examples(write(tmp_path, b"\n\n"))


@given(st.binary(max_size=300))
def test_any_bytes_give_examples_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("any"), content)
    # Whatever the bytes, the only exception is the one with a sentence for a person.
    with contextlib.suppress(TrainingError):
        assert read_examples(path)


@given(st.lists(st.tuples(st.text(), st.text(min_size=1).filter(str.strip)), min_size=1))
def test_what_json_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    lines = [json.dumps({"prompt": p, "completion": c}) for p, c in pairs]
    path = write(tmp_path_factory.mktemp("pairs"), "\n".join(lines).encode())
    assert [(e.prompt, e.completion) for e in read_examples(path)] == pairs
