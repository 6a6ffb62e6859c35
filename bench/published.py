"""The figures that `scripts/bench --write` keeps: as data, and as a table in the docs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bench.machine import Machine
from bench.rows import Row
from bench.table import as_markdown
from ptb_lite.events import Record
from ptb_lite.files import read_record, write_record, write_text

BEGIN = "<!-- scripts/bench --write: begin -->"
END = "<!-- scripts/bench --write: end -->"
_WIDTH = 100


class Kept(Record):
    """The content of bench/performance-cpu.json."""

    version: Literal[1] = 1
    machine: Machine
    rows: tuple[Row, ...]


def merged(before: Kept | None, machine: Machine, rows: Sequence[Row], *, whole: bool) -> Kept:
    """What was measured again takes the place of the same benchmark's earlier rows.

    Earlier rows are dropped when the session was a `whole` one, and those of another machine:
    figures of two machines are not one table.
    """
    if whole or before is None or not before.machine.same_as(machine):
        return Kept(machine=machine, rows=tuple(rows))
    again = {row.test for row in rows}
    kept = [row for row in before.rows if row.test not in again]
    files = sorted({_file(row) for row in (*kept, *rows)})
    ordered = sorted((*kept, *rows), key=lambda row: files.index(_file(row)))
    return Kept(machine=machine, rows=tuple(ordered))


def keep(data: Path, page: Path, machine: Machine, rows: Sequence[Row], *, whole: bool) -> None:
    """Merge `rows` into `data` and write the table into `page`, between its two markers.

    Raises ValueError when the page has no markers, OSError when a file cannot be written.
    """
    before = read_record(data, Kept) if data.exists() else None
    kept = merged(before, machine, rows, whole=whole)
    text = with_section(page.read_text(encoding="utf-8"), section(kept))
    write_record(data, kept)
    write_text(page, text)


def section(kept: Kept) -> str:
    """What stands between the markers."""
    return f"{textwrap.fill(kept.machine.describe(), _WIDTH)}\n\n{as_markdown(kept.rows)}"


def with_section(page: str, text: str) -> str:
    """`page` with `text` between its markers. Raises ValueError when it has none."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{text}\n{END}{tail}"


def _file(row: Row) -> str:
    return row.test.partition("::")[0]
