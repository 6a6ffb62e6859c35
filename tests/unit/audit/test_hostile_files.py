"""Files made to break an audit: each ends as a flag, a note or a reason, in bounded memory."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.overlap import OverlapDetector
from ptb_lite.audit.evidence.folder import ScanNotes, walk
from ptb_lite.audit.run import run_audit
from ptb_lite.audit.text.views import hidden_texts
from tests.memory import peak_bytes, reset_peak

ITEM = "Janet's ducks lay sixteen eggs a day and she bakes muffins with four of them daily."
ITEMS = tuple(TestItem(f"t{n}", f"{ITEM} Case {n * 7} of {n}.", "3", "gsm8k") for n in range(8))
MEGA = 1 << 20


def zip_bomb(folder: Path) -> None:
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(100 * MEGA))


def nested_zips(folder: Path) -> None:
    data = b"x"
    for depth in range(6):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr(f"{depth}.zip", data)
        data = stream.getvalue()
    (folder / "deep.zip").write_bytes(data)


def laughs(folder: Path) -> None:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 30)]
    (folder / "config.yaml").write_text("\n".join(lines))


def endless_line(folder: Path) -> None:
    with (folder / "line.json").open("wb") as stream:
        for _ in range(12):
            stream.write(b"a" * MEGA)


def pipes_and_links(folder: Path) -> None:
    os.mkfifo(folder / "pipe.py")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "a.py").symlink_to(folder / "b.py")
    (folder / "b.py").symlink_to(folder / "a.py")
    (folder / "zero.jsonl").symlink_to("/dev/zero")


def bad_text(folder: Path) -> None:
    (folder / "bad.py").write_bytes(b"x = '\xff\xfe\xc3\x28'\n" + bytes(range(256)) * 40)
    (folder / "bad.jsonl").write_bytes(b"\xed\xa0\x80\n" * 1000)
    (folder / os.fsdecode(b"\xff\xfe\n")).mkdir()


def sparse(folder: Path) -> None:
    with (folder / "huge.jsonl").open("wb") as stream:
        stream.truncate(20 << 30)
        stream.seek(10 << 30)
        stream.write(ITEMS[0].question.encode())


def pickles(folder: Path) -> None:
    bomb = b"cposix\nsystem\n(S'touch " + os.fsencode(folder / "owned") + b"'\ntR."
    for name in ("a.pkl", "b.pt", "pytorch_model.bin"):
        (folder / name).write_bytes(bomb)


def hostile_code(folder: Path) -> None:
    (folder / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000)
    (folder / "long.py").write_text("x = " + "+".join(["'a'"] * 50_000))
    (folder / "big.py").write_text("x = 'a' * 10**9\ny = x * 10**9\nz = '%99999999d' % 1\n")
    (folder / "chain.py").write_text("a" + ".b()" * 3000)
    (folder / "loop.py").write_text("x = ['a']\n" + "x = x + x\n" * 200)
    (folder / "pow.py").write_text("x = 9 ** 9 ** 9\nx = 2 << 10**9\ny = bytes(10**10)\n")
    (folder / "book.ipynb").write_text("[" * 100_000)


def packed_texts(folder: Path) -> None:
    import base64

    bomb = base64.b64encode(gzip.compress(bytes(64 * MEGA), 9)).decode()
    (folder / "packed.json").write_text(json.dumps({"d": [bomb] * 20}))


def json_nests(folder: Path) -> None:
    (folder / "trace.jsonl").write_text("[" * 200_000 + "\n" + '{"a":' * 50_000 + "\n")
    (folder / "adapter_config.json").write_text("[" * 200_000)


MAKERS: list[Callable[[Path], None]] = [
    zip_bomb, nested_zips, laughs, endless_line, pipes_and_links, bad_text, sparse, pickles,
    hostile_code, packed_texts, json_nests,
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_breaks_the_audit(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "w"
    folder.mkdir()
    make(folder)
    trace = folder / "trace.jsonl"
    case = AuditCase(
        folder=folder,
        submission=folder,
        items=ITEMS,
        base_ids=("acme/base",),
        trace=trace if trace.exists() else None,
    )
    reset_peak()
    before = peak_bytes()
    record = run_audit(case)
    crashed = [result for result in record.results if result.reason.startswith("crashed")]
    assert not crashed
    assert not (folder / "owned").exists()
    assert peak_bytes() - before < 3 << 29


def test_what_a_bomb_hides_is_not_called_clean(tmp_path: Path) -> None:
    zip_bomb(tmp_path)
    overlap = OverlapDetector().run(AuditCase(folder=tmp_path, items=ITEMS))
    assert (overlap.status, "unpacks to more" in overlap.reason) == ("skipped", True)


def test_a_sparse_file_is_read_where_it_is_stored(tmp_path: Path) -> None:
    sparse(tmp_path)
    overlap = OverlapDetector().run(AuditCase(folder=tmp_path, items=ITEMS))
    assert [flag.file for flag in overlap.flags] == ["huge.jsonl"]


def test_more_files_than_are_looked_at_is_said(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.txt").write_text("x")
    account = ScanNotes()
    assert len(list(walk(tmp_path, account, max_files=200))) == 200
    assert account.unread_reason() == "not read: more than 200 files"


def test_archives_inside_of_archives_are_read(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        rows = "\n".join(item.question for item in ITEMS).encode()
        archive.writestr("data.jsonl.gz", gzip.compress(rows))
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    overlap = OverlapDetector().run(AuditCase(folder=tmp_path, items=ITEMS))
    assert {flag.file for flag in overlap.flags} == {"outer.zip!inner.zip!data.jsonl.gz"}
    assert overlap.decides()


@pytest.mark.skipif(sys.platform != "linux", reason="counts the process's own memory")
def test_decoding_is_bounded() -> None:
    code = (
        "import base64, gzip\n"
        "from tests.memory import peak_bytes\n"
        "from ptb_lite.audit.text.views import hidden_texts\n"
        "bomb = base64.b64encode(gzip.compress(b'a ' * (200 << 20), 9))\n"
        "start = peak_bytes()\n"
        "found = hidden_texts(b'\"' + bomb + b'\"')\n"
        "print(peak_bytes() - start)\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200 << 20


def test_decoded_text_knows_its_place() -> None:
    hidden = hidden_texts(
        b"one\ntwo 4a616e6574277320647563" + b"6b73206c61792065676773206865726520\n"
    )
    assert hidden is not None
    assert hidden.text == b"Janet's ducks lay eggs here "
    assert hidden.offset_of(5) == 8
