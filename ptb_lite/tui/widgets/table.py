"""A table drawn anew at once."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import DataTable


def fill(table: DataTable[Text], headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    """Replace what `table` shows; each column is as wide as its widest cell.

    The widths are given, since a table that measures them itself does so later, and where columns
    have just been replaced it may keep those of before.
    """
    table.clear(columns=True)
    for index, heading in enumerate(headings):
        cells = (Text(heading), *(row[index] for row in rows))
        table.add_column(Text(heading), width=max(1, *(cell.cell_len for cell in cells)))
    for row in rows:
        table.add_row(*row)
