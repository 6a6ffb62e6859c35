"""Runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

from ptb_lite.files import write_text
from ptb_lite.runs.folder import RunFolder
from ptb_lite.tui.models.history.compare import CompareView, compare_runs
from ptb_lite.tui.models.history.items import ItemRow, compare_items, items_csv, items_line
from ptb_lite.tui.models.result.view import run_stamp
from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.table import fill

_SECONDS = 2.0
MAX_ITEMS = 2000


class CompareScreen(ModalScreen[None]):
    """A table with one column a run; a `*` stands before what differs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "app.pop_screen", "Back"),
        Binding("i", "items", "Item by item"),
        Binding("x", "export", "Export CSV"),
    ]

    class Compared(Message):
        """The runs have been read."""

        def __init__(self, view: CompareView, items: tuple[ItemRow, ...]) -> None:
            super().__init__()
            self.view = view
            self.items = items

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._paths = tuple(paths)
        self._stamp: object = None
        self._found: CompareScreen.Compared | None = None
        self._by_item = False

    def compose(self) -> ComposeResult:
        with Vertical(id="compare") as box:
            box.border_title = Content(f"{len(self._paths)} runs compared; * differs")
            yield Static(Content("Reading the runs …"), id="compare-notes")
            table: DataTable[Text] = DataTable(id="compare-table", cursor_type="row")
            table.fixed_columns = 1
            yield table
        yield Footer()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        # A visitor writes nothing.
        return action != "export" or getattr(self.app, "visit", None) is None

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
        self._found = message
        self._show()

    def action_items(self) -> None:
        """From the scores to the single items, and back."""
        self._by_item = not self._by_item
        self._show()

    def action_export(self) -> None:
        if self._found is None or not self._found.items:
            self.notify("These runs have no items in common", markup=False)
            return
        run_ids = self._found.view.run_ids
        path = Path.cwd() / f"ptb-lite-compare-{'-'.join(each[-4:] for each in run_ids[:8])}.csv"
        try:
            write_text(path, items_csv(self._found.items, run_ids))
        except OSError as error:
            self.notify(f"Not written: {error}", severity="error", markup=False)
        else:
            self.notify(f"Written: {path}", markup=False)

    def _show(self) -> None:
        if self._found is None:
            return
        view, items = self._found.view, self._found.items
        said = (*view.notes, items_line(items, view.run_ids))
        notes = "\n".join(one_line(note, 300) for note in said if note)
        shown = self.query_one("#compare-notes", Static)
        shown.update(Content(notes))
        shown.display = bool(notes)
        table = self.query_one("#compare-table", DataTable)
        rows = list(_item_rows(items) if self._by_item else _fact_rows(view))
        at = table.cursor_row
        fill(table, (" ", *(one_line(run_id, 40) for run_id in view.run_ids)), rows)
        table.move_cursor(row=at)
        table.focus()

    @work(thread=True, exclusive=True, group="compare")
    def _read(self) -> None:
        self.post_message(self.Compared(compare_runs(self._paths), compare_items(self._paths)))


def _fact_rows(view: CompareView) -> Iterator[list[Text]]:
    for section in view.sections:
        blank = [Text("")] * len(view.run_ids)
        yield [Text(section.title, style="bold underline"), *blank]
        for line in section.lines:
            label = f"{'*' if line.differs else ' '} {one_line(line.label, 60)}"
            yield [Text(label), *(Text(one_line(each, 80)) for each in line.values)]


def _item_rows(items: Sequence[ItemRow]) -> Iterator[list[Text]]:
    for row in items[:MAX_ITEMS]:
        mark = "*" if row.differs else " "
        question = f"{mark} {one_line(row.sample.question, 50)} {one_line(row.sample.target, 20)}"
        said = zip(row.correct, row.answers, strict=True)
        yield [Text(question), *(Text(f"{'✓' if ok else '✗'} {one_line(a, 40)}") for ok, a in said)]
