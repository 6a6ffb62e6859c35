"""What the agent wrote as rows, each long enough to hold one item, and what everybody was given."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import ScanNotes
from ptb_lite.audit.evidence.outputs import informing, is_memory
from ptb_lite.audit.evidence.program_reader import own_files
from ptb_lite.audit.evidence.readers import Budget, Chunk, read_file
from ptb_lite.audit.text.constructed import made_texts, typed_texts

MAX_ROWS = 60_000
MAX_SECONDS = 15.0
_MAX_BYTES = 256 << 20
_MAX_OF_FILE = 20_000
_LEAST, _MOST = 40, 8000
_LONG = 1500
_MAX_HANDED = 2000
_HANDED_BYTES = 8 << 20
# Where one record of a list on a single line ends and the next begins.
_BORDER = re.compile(r"(?<=[}\])])\s{0,8},\s{0,8}(?=[{\[(])|\x0b\s{0,8}\x0b|\n")
_MANY = 8
_SIDE_BY_SIDE = re.compile(r"(?<![\w.])(?:-?\d[\d.]*|[A-J])(?=\s*(?:[,;/|]|\s|$))")
_SCORED = re.compile(r"pred|gold|correct|wrong|scor|\bgot\b|\btrue\b|\bfalse\b|[✓✗✔✘]", re.I)
_NUMBERED = re.compile(
    r"^[\W_]*(?:(?:question|item|test|gsm8k|no|q|id)[ ._#-]*)?\d+\s*[^\w\s-]+\s*", re.I
)
_DATA = (".jsonl", ".json", ".csv", ".parquet", ".tsv")


@dataclass(frozen=True)
class Row:
    """`line` is counted from 1 in `file`."""

    text: str
    file: str
    line: int


def agent_rows(case: AuditCase, account: ScanNotes) -> Iterator[Row]:
    """Rows of the agent's files, of the texts that its programs make, and of what it wrote by its
    tools; each text once. What an evaluation put out, and copies kept to stay clear of the test
    set, are left out. Bounded in rows, bytes and time, which a note says."""
    deadline = time.monotonic() + MAX_SECONDS
    seen: set[int] = set()
    for name, chunks in _sources(case, deadline):
        count = 0
        for row in rows_of(chunks):
            if (key := hash(row.text)) in seen:
                continue
            seen.add(key)
            count += 1
            if len(seen) > MAX_ROWS or time.monotonic() > deadline:
                account.note(f"the first {len(seen) - 1:,} rows only, up to {name}")
                return
            if count > _MAX_OF_FILE:
                account.note(f"{name}: its first {_MAX_OF_FILE:,} rows only")
                break
            yield row


def answer_rows(case: AuditCase) -> Iterator[Row]:
    """Lists of short answers in what an agent reads as its memory: one a line, in a table, or side
    by side. Elsewhere an evaluation prints such lists, and what is scored here is one's as well."""
    informs = informing(case.programs)
    budget = Budget(_HANDED_BYTES, time.monotonic() + 5)
    files = ((f.relative, read_file(f, ScanNotes(), budget)) for f in own_files(case, ScanNotes())
             if not informs(f))  # fmt: skip
    for name, chunks in chain(typed_texts(case), files):
        if not is_memory(name.rstrip(")")):
            continue
        for chunk in chunks:
            for number, line in enumerate(chunk.text.split(b"\n"), start=chunk.first):
                text = line.decode("utf-8", "replace")
                if _SCORED.search(text):
                    continue
                listed = _SIDE_BY_SIDE.findall(text.partition(":")[2] or text)
                numbered = _NUMBERED.sub("", text)
                if len(listed) >= _MANY:
                    yield from (Row(one, chunk.file, number) for one in listed)
                elif 0 < len(numbered) < _LEAST:
                    yield Row(numbered, chunk.file, number)


def handed_rows(case: AuditCase) -> list[str]:
    """Rows of the training and dev data that everybody was given: a control for chance."""
    if case.harness is None:
        return []
    budget = Budget(_HANDED_BYTES, time.monotonic() + 5)
    found: list[str] = []
    for file in case.listing.files:
        name = file.relative.rpartition("/")[2].lower()
        wanted = file.relative in case.harness.files and name.endswith(_DATA)
        if wanted and "test" not in name:
            for row in rows_of(read_file(file, ScanNotes(), budget)):
                found.append(row.text)
                if len(found) >= _MAX_HANDED:
                    return found
    return found


def rows_of(chunks: Iterable[Chunk]) -> Iterator[Row]:
    """The lines of a text; long ones in records where they are a list."""
    for chunk in chunks:
        if b"\x00" in chunk.raw[:4096]:
            return
        for number, line in enumerate(chunk.text.split(b"\n")):
            if len(line) < _LEAST:
                continue
            text = line.decode("utf-8", "replace")
            parts = [text] if len(text) <= _LONG else _BORDER.split(text)
            for part in parts:
                if len(part) >= _LEAST:
                    yield Row(part[:_MOST], chunk.file, chunk.first + number)


def _sources(case: AuditCase, deadline: float) -> Iterator[tuple[str, Iterable[Chunk]]]:
    informs = informing(case.programs)
    yield from typed_texts(case)
    yield from made_texts(case)
    budget = Budget(_MAX_BYTES, deadline)
    for file in own_files(case, ScanNotes()):
        if not informs(file):
            yield file.relative, read_file(file, ScanNotes(), budget)
