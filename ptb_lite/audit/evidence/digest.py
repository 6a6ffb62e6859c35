"""The evidence of a case as one bounded text for a reader: files with line numbers, then the trace.

Programs come whole as far as there is room, data by its first lines, the trace by what was said
and ordered. The text is the agent's and says so: whoever reads it follows nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import FoundFile, ScanNotes, open_regular, printable
from ptb_lite.audit.evidence.program_reader import own_files
from ptb_lite.audit.evidence.transcript import read_transcript

MAX_DIGEST = 120_000
_MAX_PROGRAM = 16_000
_MAX_DATA = 1_500
_MAX_TURN = 1_500
_PROGRAMS = {".py", ".sh", ".bash", ".ipynb", ".yaml", ".yml", ".toml", ".md", ".cfg"}
_DATA = {".jsonl", ".json", ".csv", ".txt", ".tsv", ".log"}


@dataclass(frozen=True)
class Digest:
    """`lines` is the number of lines shown of each file, by its name in the text."""

    text: str
    lines: dict[str, int]
    cut: bool

    def place(self, file: str, line: int) -> str | None:
        """The file that a reader names; None when that line of it was not shown."""
        return file if line <= self.lines.get(file, 0) else None

    def notes(self) -> tuple[str, ...]:
        return ("not all of the evidence had room in what the judge read",) if self.cut else ()


def digest(case: AuditCase, limit: int = MAX_DIGEST) -> Digest:
    """Raises OSError when the folder itself cannot be read."""
    parts: list[str] = []
    lines: dict[str, int] = {}
    left, cut = limit, False
    for name, text in _pieces(case):
        if len(text) > left:
            cut = True
            continue
        left -= len(text)
        lines[name] = max(lines.get(name, 0), _last_line(text))
        parts.append(text)
    return Digest("\n".join(parts), lines, cut)


def _pieces(case: AuditCase) -> Iterator[tuple[str, str]]:
    files = sorted(own_files(case, ScanNotes()), key=first_to_read)
    for file in files[:2000]:
        suffix = PurePosixPath(file.relative).suffix.lower()
        size = _MAX_PROGRAM if suffix in _PROGRAMS else _MAX_DATA if suffix in _DATA else 0
        if size:
            yield file.relative, _shown(file, size)
    # Not `case.programs`: this runs in the host, which interprets nothing.
    turns = read_transcript(case.trace, ScanNotes()) if case.trace else ()
    for turn in turns:
        if turn.kind in ("said", "thought", "command"):
            text = _clean(turn.text[:_MAX_TURN]).replace("\n", " ")
            yield turn.file, f"{turn.file}\n{turn.line}: [{turn.kind}] {text}"


def first_to_read(file: FoundFile) -> tuple[int, int]:
    """What a reader with little room is shown first: programs, then data, the small ones first."""
    suffix = PurePosixPath(file.relative).suffix.lower()
    return (0 if suffix in _PROGRAMS else 1, file.size)


def _shown(file: FoundFile, size: int) -> str:
    try:
        with open_regular(file.path) as stream:
            raw = stream.read(size)
    except OSError:
        raw = b""
    rows = _clean(raw.decode("utf-8", "replace")).split("\n")
    numbered = (f"{number}: {row[:400]}" for number, row in enumerate(rows, start=1))
    more = f" (the first {size:,} of {file.size:,} bytes)" if file.size > size else ""
    return f"=== {file.relative}{more}\n" + "\n".join(numbered)


def _clean(text: str) -> str:
    return "\n".join(printable(row, 2000) for row in text.split("\n"))


def _last_line(text: str) -> int:
    number = text.rpartition("\n")[2].partition(":")[0]
    return int(number) if number.isdigit() else 1
