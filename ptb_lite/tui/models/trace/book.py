"""All rows of the entries that are shown, kept up to date without wrapping anything twice."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice

from ptb_lite.tui.models.trace.entries import Entry
from ptb_lite.tui.models.trace.rows import Row, rows_of


class TraceBook:
    """Rows of entries at one width. The numbers of `entries` grow; a filter leaves gaps in them."""

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self.entries: Sequence[Entry] = ()
        self.rows: list[Row] = []
        self._counts: list[int] = []
        self._opened: set[int] = set()
        self._turn = 0

    def show(self, entries: Sequence[Entry]) -> None:
        """Take the entries as they are now: some may have left at the beginning, some come."""
        before, self.entries = self.entries, entries
        if not before or not entries or not before[0].number <= entries[0].number:
            self._lay_out()
            return
        gone = bisect_left(before, entries[0].number, key=_number)
        if gone >= len(before):
            self._lay_out()
            return
        del self.rows[: sum(self._counts[:gone])]
        del self._counts[:gone]
        self._opened = {number for number in self._opened if number >= entries[0].number}
        self._add(bisect_right(entries, before[-1].number, key=_number))

    def restart(self, entries: Sequence[Entry]) -> None:
        """Other entries in place of all that are shown."""
        self.entries = entries
        self._lay_out()

    def set_width(self, width: int) -> None:
        self.width = width
        self._lay_out()

    def open(self, number: int) -> None:
        if number not in self._opened:
            self.toggle(number)

    def toggle(self, number: int) -> None:
        self._opened ^= {number}
        self._lay_out()

    def entry(self, number: int) -> Entry | None:
        at = self._index(number)
        return None if at is None else self.entries[at]

    def place(self, number: int) -> tuple[int, int]:
        """First row and count of rows of an entry; (0, 0) for one that is not here any more."""
        at = self._index(number)
        return (0, 0) if at is None else (sum(self._counts[:at]), self._counts[at])

    def number_at(self, row: int) -> int | None:
        """The entry whose row this is."""
        return self.rows[row].number if 0 <= row < len(self.rows) else None

    def _index(self, number: int) -> int | None:
        at = bisect_left(self.entries, number, key=_number)
        return at if at < len(self.entries) and self.entries[at].number == number else None

    def _lay_out(self) -> None:
        self.rows.clear()
        self._counts.clear()
        self._turn = 0
        self._add(0)

    def _add(self, first: int) -> None:
        for entry in islice(self.entries, first, None):
            heading = entry.turn not in (0, self._turn)
            opened = entry.number in self._opened
            rows = rows_of(entry, self.width, opened=opened, heading=heading)
            self.rows.extend(rows)
            self._counts.append(len(rows))
            self._turn = entry.turn or self._turn


def _number(entry: Entry) -> int:
    return entry.number
