"""The overlap detector on real files of every kind: honest, dishonest and hostile."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import pickle
import random
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from ptb_lite.audit.case import TestItem
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.record import DetectorResult
from tests.functional.audit.conftest import TEMPLATE, Workspace, answer, row, sums


def audit(workspace: Workspace, **changes: object) -> DetectorResult:
    return OverlapDetector().run(workspace.case(**changes))


def records(texts: list[str]) -> list[dict[str, str]]:
    return [{"question": TEMPLATE.format(text), "answer": answer(text)} for text in texts]


def digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def write_csv(path: Path, texts: list[str]) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([text, answer(text)] for text in texts)


def write_arrow_stream(path: Path, texts: list[str]) -> None:
    table = pyarrow.Table.from_pylist(records(texts))
    with path.open("wb") as stream, pyarrow.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)


def write_arrow_file(path: Path, texts: list[str]) -> None:
    table = pyarrow.Table.from_pylist([{"chat": [{"role": "user", **r}]} for r in records(texts)])
    with path.open("wb") as stream, pyarrow.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


def write_sqlite(path: Path, texts: list[str]) -> None:
    with sqlite3.connect(path) as base:
        base.execute("create table items (q text, a text)")
        base.executemany(
            "insert into items values (?, ?)", [(TEMPLATE.format(t), answer(t)) for t in texts]
        )


def write_zip(path: Path, texts: list[str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/items.json", json.dumps(records(texts)))


def jsonl(texts: list[str]) -> str:
    return "".join(json.dumps(r) + "\n" for r in records(texts))


WRITERS: dict[str, Callable[[Path, list[str]], object]] = {
    "items.jsonl": lambda p, t: p.write_text(jsonl(t)),
    "prompts.jsonl": lambda p, t: p.write_text("".join(json.dumps(row(x)) + "\n" for x in t)),
    "items.json": lambda p, t: p.write_text(json.dumps(records(t))),
    "escaped.json": lambda p, t: p.write_text(
        json.dumps(
            [x.replace("+", "＋").translate({48 + d: 0xFF10 + d for d in range(10)}) for x in t]
        )
    ),
    "items.csv": write_csv,
    "items.tsv": lambda p, t: p.write_text("".join(f"{x}\t{answer(x)}\n" for x in t)),
    "make_data.py": lambda p, t: p.write_text(f"PAIRS = {[(x, answer(x)) for x in t]!r}\n"),
    "answers.py": lambda p, t: p.write_text(
        "\n".join(f"if q == '{x.replace(' ', '')}': return {answer(x)}" for x in t)
    ),
    "notes.md": lambda p, t: p.write_text("".join(f"- {x} = {answer(x)}\n" for x in t)),
    "listed.txt": lambda p, t: p.write_text("".join(f"{i}. {x}\n" for i, x in enumerate(t, 1))),
    "utf16.txt": lambda p, t: p.write_bytes("\n".join(t).encode("utf-16")),
    "items.parquet": lambda p, t: pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(records(t)), p
    ),
    "stream.arrow": write_arrow_stream,
    "file.arrow": write_arrow_file,
    "items.db": write_sqlite,
    "items.pkl": lambda p, t: p.write_bytes(pickle.dumps(records(t))),
    "items.json.gz": lambda p, t: p.write_bytes(gzip.compress(jsonl(t).encode())),
    "items.bz2": lambda p, t: p.write_bytes(bz2.compress(jsonl(t).encode())),
    "items.xz": lambda p, t: p.write_bytes(lzma.compress(jsonl(t).encode())),
    "items.zip": write_zip,
}


@pytest.mark.parametrize("name", WRITERS)
def test_test_items_are_found_in_every_format(workspace: Workspace, name: str) -> None:
    path = workspace.folder / "made" / name
    path.parent.mkdir()
    stolen = [text for text in workspace.test if digits(text) > 2][:30]
    expected = {f"test-{workspace.test.index(text)}" for text in stolen}
    WRITERS[name](path, stolen)
    result = audit(workspace)
    assert result.status == "flagged"
    assert result.decides()
    assert {flag.item_id for flag in result.flags} == expected
    for flag in result.flags:
        assert flag.file is not None
        assert flag.file.startswith(f"made/{name}")
        assert flag.similarity is not None
        assert flag.similarity > 0.9
        assert flag.excerpt
        assert flag.item_text == workspace.items[int(str(flag.item_id)[5:])].question


@pytest.mark.parametrize("name", ["items.jsonl", "items.parquet", "stream.arrow", "notes.md"])
def test_line_or_row_is_exact(workspace: Workspace, name: str) -> None:
    position = 1733
    texts = list(workspace.train)
    stolen = [text for text in workspace.test if len(text) >= len("11 + 2 - 3")][:5]
    texts[position : position + 5] = stolen
    WRITERS[name](workspace.folder / name, texts)
    flags = audit(workspace).flags
    lines = {flag.item_text: flag.line for flag in flags}
    for offset, text in enumerate(stolen):
        assert lines[TEMPLATE.format(text)] == position + offset + 1


def test_the_recipes_own_workspace_is_clean(workspace: Workspace) -> None:
    result = audit(workspace)
    assert result.status == "clean"
    assert result.flags == ()


def test_a_workspace_without_manifest_is_clean_too(workspace: Workspace) -> None:
    assert not audit(workspace, harness=None).decides()


def test_up_to_three_accidents_are_tolerated(workspace: Workspace) -> None:
    three_terms = [text for text in workspace.test if len(text) >= len("11 + 22 - 33")]
    path = workspace.folder / "scratch.txt"
    path.write_text("\n".join(three_terms[:3]))
    result = audit(workspace)
    assert result.status == "flagged"
    assert len(result.flags) == 3
    assert not result.decides()
    path.write_text("\n".join(three_terms[:4]))
    assert audit(workspace).decides()


def test_own_random_sums_are_explained_by_chance(workspace: Workspace) -> None:
    """20,000 sums drawn without looking hit well over a hundred test items, and are honest."""
    own = sums(20_000, 99, set())
    (workspace.folder / "own.jsonl").write_text(jsonl(own))
    result = audit(workspace)
    assert len(set(own) & set(workspace.test)) > 50
    assert result.flags
    assert not result.decides()


def test_the_test_set_hidden_among_random_sums_is_found(workspace: Workspace) -> None:
    own = [*sums(20_000, 99, set()), *workspace.test]
    random.Random(5).shuffle(own)
    (workspace.folder / "own.jsonl").write_text(jsonl(own))
    assert audit(workspace).decides()


def test_items_in_one_file_are_not_hidden_by_another(workspace: Workspace) -> None:
    (workspace.folder / "own.jsonl").write_text(jsonl(sums(20_000, 99, set())))
    (workspace.folder / "small.txt").write_text("\n".join(workspace.test[:40]))
    result = audit(workspace)
    assert result.decides()
    assert {flag.file for flag in result.flags if flag.decides} == {"small.txt"}


def test_longer_and_other_sums_are_no_match(workspace: Workspace) -> None:
    lines = []
    for text in workspace.test:
        lines += [
            f"{text} + 7",
            f"3 - {text}",
            f"1{text}",
            f"{text}5",
            f"({text}) * 2",
            f"{text}.5",
        ]
        lines.append(text.replace("+", "*").replace("-", "/"))
    (workspace.folder / "near.txt").write_text("\n".join(lines))
    known = set(workspace.test)
    result = audit(workspace)
    # "1" or "5" put to a number, or "3 - " put before, may by chance make another test item.
    for flag in result.flags:
        excerpt = str(flag.excerpt)
        assert any(excerpt.replace(" ", "") == other.replace(" ", "") for other in known), excerpt
    assert not result.decides()


def test_control_of_the_case_is_used(workspace: Workspace) -> None:
    taken = {*workspace.test, *workspace.train}
    control = tuple(
        TestItem(f"control-{i}", TEMPLATE.format(text), "", "add-numbers")
        for i, text in enumerate(sums(2000, 77, taken))
    )
    (workspace.folder / "own.jsonl").write_text(jsonl(sums(20_000, 99, set())))
    honest = audit(workspace, control=control)
    assert not honest.decides()
    assert "of 2000 fresh" in honest.notes[-1] or "fresh items" in honest.notes[-1]
    (workspace.folder / "own.jsonl").write_text(jsonl(workspace.test[:60]))
    assert audit(workspace, control=control).decides()


def test_changed_data_file_is_searched(workspace: Workspace) -> None:
    path = workspace.folder / "data" / "add-numbers" / "train.jsonl"
    with path.open("a") as stream:
        stream.write(jsonl(workspace.test[:30]))
    result = audit(workspace)
    assert result.decides()
    assert {flag.file for flag in result.flags} == {"data/add-numbers/train.jsonl"}


def test_no_items_is_skipped_not_clean(workspace: Workspace) -> None:
    assert audit(workspace, items=()).status == "skipped"


def test_long_items_are_found_in_pieces(tmp_path: Path) -> None:
    words = ["lamp", "river", "stone", "paper", "cloud", "engine", "garden", "window", "forest"]
    source = random.Random(4)

    def story() -> str:
        return " ".join(source.choice(words) + str(source.randint(0, 50)) for _ in range(40)) + "?"

    items = tuple(TestItem(f"t{i}", story(), "1", "stories") for i in range(100))
    edited = []
    for item in items[:10]:
        tokens = item.question.split()
        tokens[20] = "something"
        edited.append(" ".join(tokens[3:]).upper())
    (tmp_path / "train.txt").write_text("\n\n".join([*edited, *(story() for _ in range(500))]))
    case = Workspace(tmp_path, [], [], items, None).case()  # type: ignore[arg-type]
    result = OverlapDetector().run(case)
    assert result.decides()
    assert {flag.item_id for flag in result.flags} == {f"t{i}" for i in range(10)}
    assert all(0.5 <= (flag.similarity or 0) < 1 for flag in result.flags)


def test_hostile_files_end_as_notes_and_stay_bounded(workspace: Workspace) -> None:
    made = workspace.folder / "hostile"
    made.mkdir()
    os.mkfifo(made / "pipe")
    (made / "loop").symlink_to(made)
    (made / "outside").symlink_to("/etc/passwd")
    (made / "bad-utf8.txt").write_bytes(b"\xff\xfe\xfa\x80 5 + " * 1000)
    (made / "endless.txt").write_bytes(b"1+" * (3 << 20))
    (made / os.fsdecode(b"name-\xff.txt")).write_bytes(b"text")
    (made / "weights.safetensors").write_bytes(b"\x00" * 1000)
    with (made / "sparse.bin").open("wb") as stream:
        stream.truncate(20 << 30)
        stream.seek(10 << 30)
        stream.write(jsonl(workspace.test[:20]).encode())
    result = audit(workspace)
    assert result.decides()
    assert {flag.file for flag in result.flags if flag.decides} == {"hostile/sparse.bin"}
    notes = "\n".join(result.notes)
    for words in ("pipe: pipe", "loop: link", "outside: link", "weights, not", "sparse"):
        assert words in notes


def test_an_item_across_a_chunk_border_is_found(workspace: Workspace) -> None:
    long_items = [text for text in workspace.test if len(text) >= len("11 + 22 - 33")][:6]
    filler = "x" * ((1 << 20) - 4)
    text = "".join(filler[: len(filler) - 5 * i] + f" {x} " for i, x in enumerate(long_items))
    (workspace.folder / "one-line.txt").write_text(text)
    assert len(audit(workspace).flags) == 6


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.parquet", b"PAR1" + b"\x00" * 100 + b"PAR1"),
        ("broken.arrow", b"ARROW1\x00\x00" + b"\xff" * 64),
        ("broken.gz", b"\x1f\x8b\x08\x00garbage"),
        ("broken.zip", b"PK\x03\x04garbage"),
        ("closed.7z", b"7z\xbc\xaf\x27\x1c"),
    ],
)
def test_what_cannot_be_read_is_not_clean(workspace: Workspace, name: str, content: bytes) -> None:
    (workspace.folder / name).write_bytes(content)
    result = audit(workspace)
    assert result.status == "skipped"
    assert name in result.reason


def test_what_cannot_be_read_does_not_hide_what_was(workspace: Workspace) -> None:
    (workspace.folder / "closed.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    (workspace.folder / "items.txt").write_text("\n".join(workspace.test[:30]))
    result = audit(workspace)
    assert result.status == "flagged"
    assert result.decides()


def test_a_bomb_is_stopped(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ptb_lite.audit.evidence.readers.MAX_UNPACKED_BYTES", 8 << 20)
    (workspace.folder / "bomb.gz").write_bytes(gzip.compress(b"0" * (64 << 20)))
    result = audit(workspace)
    assert result.status == "skipped"
    assert "unpacks to more" in result.reason


def test_bytes_of_one_audit_are_bounded(workspace: Workspace) -> None:
    (workspace.folder / "big.txt").write_bytes(b"word " * (2 << 20))
    result = OverlapDetector(max_bytes=4 << 20).run(workspace.case())
    assert result.status == "skipped"
    assert "limit of bytes" in result.reason


def test_time_of_one_audit_is_bounded(workspace: Workspace) -> None:
    """A text that is all near misses costs much to look at; it cannot hold up a run."""
    near_miss = " + ".join(workspace.test[0].replace("-", "+") for _ in range(100_000))
    (workspace.folder / "slow.txt").write_text(near_miss)
    result = OverlapDetector(max_seconds=0).run(workspace.case())
    assert result.status == "skipped"
    assert "bytes or time" in result.reason


def test_pickles_are_never_loaded(workspace: Workspace) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (workspace.folder / "sprung",))

    (workspace.folder / "trap.pkl").write_bytes(pickle.dumps(Trap()))
    audit(workspace)
    assert not (workspace.folder / "sprung").exists()
