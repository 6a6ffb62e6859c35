"""Runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Static

from ptb_lite.runs.folder import RunFolder
from ptb_lite.tui.models.history.compare import CompareView, compare_runs
from ptb_lite.tui.models.result.view import run_stamp
from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.table import fill

_SECONDS = 2.0


class CompareScreen(ModalScreen[None]):
    """A table with one column a run; a `*` stands before what differs."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "app.pop_screen", "Back")]

    class Compared(Message):
        """The runs have been read."""

        def __init__(self, view: CompareView) -> None:
            super().__init__()
            self.view = view

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._paths = tuple(paths)
        self._stamp: object = None

    def compose(self) -> ComposeResult:
        with Vertical(id="compare") as box:
            box.border_title = Content(f"{len(self._paths)} runs compared; * differs")
            yield Static(Content("Reading the runs …"), id="compare-notes")
            table: DataTable[Text] = DataTable(id="compare-table", cursor_type="row")
            table.fixed_columns = 1
            yield table
        yield Footer()

    def on_mount(self) -> None:
        self._look()
        self.set_interval(_SECONDS, self._look)

    def _look(self) -> None:
        """Read the runs again where one of them has gone on."""
        stamp = [run_stamp(RunFolder(path)) for path in self._paths]
        if stamp != self._stamp:
            self._stamp = stamp
            self._read()

    def on_compare_screen_compared(self, message: Compared) -> None:
        view = message.view
        notes = "\n".join(one_line(note, 300) for note in view.notes)
        shown = self.query_one("#compare-notes", Static)
        shown.update(Content(notes))
        shown.display = bool(notes)
        table = self.query_one("#compare-table", DataTable)
        blank = [Text("")] * len(view.run_ids)
        rows = []
        for section in view.sections:
            rows.append([Text(section.title, style="bold underline"), *blank])
            for line in section.lines:
                label = f"{'*' if line.differs else ' '} {one_line(line.label, 60)}"
                rows.append([Text(label), *(Text(one_line(each, 80)) for each in line.values)])
        at = table.cursor_row
        fill(table, (" ", *(one_line(run_id, 40) for run_id in view.run_ids)), rows)
        table.move_cursor(row=at)
        table.focus()

    @work(thread=True, exclusive=True, group="compare")
    def _read(self) -> None:
        self.post_message(self.Compared(compare_runs(self._paths)))
