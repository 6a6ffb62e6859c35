"""Programs without a file, as a record's lines tell of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ptb_lite.audit.recorded import removed_files
from ptb_lite.provenance import COPIES
from ptb_lite.provenance.history import history_of
from ptb_lite.provenance.inline import Inline, inline
from ptb_lite.provenance.record import FileLine, Line, ProcessLine, TextLine

TEXT = "print(open('train.jsonl').read())\n"
DIGEST = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("python3.12 -c TEXT", Inline(text="TEXT")),
        ("/usr/bin/python -Iuc TEXT a b", Inline(text="TEXT")),
        ("python -cTEXT", Inline(text="TEXT")),
        ("python -X utf8 -Werror - --fast", Inline(stdin=True)),
        ("python -W error", Inline(stdin=True)),
        ("python --check-hash-based-pycs always /dev/stdin", Inline(stdin=True)),
        ("python", Inline(stdin=True)),
        ("python prep.py -c TEXT", Inline()),
        ("python -m prep -c TEXT", Inline()),
        ("python -Xc prep.py", Inline()),
        ("bash -lc TEXT", Inline()),
        ("bash -e -o pipefail", Inline(stdin=True)),
        ("sh -s a", Inline(stdin=True)),
        ("sh prep.sh", Inline()),
        ("node -", Inline(stdin=True)),
        ("perl -e TEXT", Inline()),
        ("cat -", Inline()),
        ("", Inline()),
    ],
)
def test_where_an_interpreter_has_its_program_from(command: str, told: Inline) -> None:
    assert inline(command.split()) == told


def _found(folder: Path, *lines: Line) -> list[str]:
    (folder / COPIES).mkdir()
    (folder / COPIES / DIGEST).write_text(TEXT)
    return [one.relative for one in removed_files(folder, history_of(lines), [])]


def _process(entry: int, command: str, stdin: str = "", stdout: str = "") -> ProcessLine:
    words = tuple(command.split())
    return ProcessLine(
        kind="process", at=1.0, entry=entry, pid=30 + entry, command=words, stdin=stdin,
        stdout=stdout,
    )  # fmt: skip


def test_a_program_that_comes_late_by_its_pipe(tmp_path: Path) -> None:
    lines = (
        _process(1, "python -", stdin="pipe:[7]"),
        TextLine(kind="text", at=2.0, entry=1, sha256=DIGEST),
    )
    assert _found(tmp_path, *lines) == ["deleted/stdin-31.py"]


@pytest.mark.parametrize(
    ("pipe", "found"), [("pipe:[7]", ["deleted/stdin-32.py"]), ("pipe:[8]", [])]
)
def test_a_program_that_was_never_seen_in_its_pipe(
    tmp_path: Path, pipe: str, found: list[str]
) -> None:
    lines = (
        _process(1, "cat prep.txt", stdout=pipe),
        FileLine(kind="file", at=1.5, act="read", entry=1, path="prep.txt", sha256=DIGEST),
        _process(2, "python3", stdin="pipe:[7]"),
    )
    assert _found(tmp_path, *lines) == found
