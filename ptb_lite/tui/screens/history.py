"""History: all runs, sorted and filtered, ranked, compared."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from ptb_lite.errors import PtbLiteError
from ptb_lite.files import write_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.index import RunIndex
from ptb_lite.runs.records import Notes
from ptb_lite.runs.summary import RunSummary
from ptb_lite.text import percent, plural
from ptb_lite.tui.commands import AppCommand
from ptb_lite.tui.models.history.rows import (
    COLUMNS,
    count_success,
    filter_rows,
    marked_rows,
    over_text,
    rank_rows,
    said,
    sort_rows,
)
from ptb_lite.tui.place import Mode
from ptb_lite.tui.screens.base import PtbScreen
from ptb_lite.tui.screens.compare import CompareScreen
from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.line_input import LineInput
from ptb_lite.tui.widgets.table import fill

View = Literal["runs", "counted", "raw"]
_VIEWS: dict[View, str] = {
    "runs": "All runs",
    "counted": "Leaderboard by counted score",
    "raw": "Leaderboard by raw score",
}
_SECONDS = 3.0
# Reading takes at most this share of the time: of many thousand runs it is not done every 3 s.
_MOST_READING = 0.1
# A table of more takes long to draw, and nobody reads it: the filter finds the others.
_MOST_SHOWN = 200
_RANK_HEADINGS = ("PLACE", "RUN", "AGENT", "FEW-SHOT", "RAW", "COUNTED", "OVER FEW-SHOT", "VERDICT")


class HistoryScreen(PtbScreen):
    MODE: ClassVar[Mode] = "history"
    CSS_PATH = "../styles/history.tcss"
    HELP = """
Every run in the runs folder, the newest first. Enter opens a run: its result where it has one,
else its course. {notes|n gives it a name, tags and a note.} Space marks runs; c compares two or
more marked ones, v shows them side by side (without marks: those that go on). s sorts by the next
column, S turns the order; a click on a heading does both. l shows the leaderboards: by counted
score, by raw score, and back. A leaderboard has one part for each base model, benchmarks and item
count, because only such scores compare. {experiments|e shows how far the experiments here are, arm
by arm, and f there their figures.}
"""
    VIEWED = frozenset((
        "mark", "end", "compare", "sort", "turn", "next_view",
        "watch", "wall", "filter", "unfilter", "copy",
    ))  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", key_display="space"),
        Binding("home", "end(True)", "Newest", show=False, priority=True),
        Binding("end", "end(False)", "Oldest", show=False, priority=True),
        Binding("c", "compare", "Compare"),
        Binding("s", "sort", "Sort"),
        Binding("S", "turn", "Turn", show=False),
        Binding("l", "next_view", "Leaderboard"),
        Binding("w", "watch", "Watch"),
        Binding("n", "notes", "Name, note"),
        Binding("v", "wall", "Wall"),
        Binding("e", "experiments", "Experiments", show=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "unfilter", "All runs", show=False),
        Binding("y", "copy", "Copy id", show=False),
    ]

    class Found(Message):
        """The runs as they are now."""

        def __init__(self, rows: tuple[RunSummary, ...]) -> None:
            super().__init__()
            self.rows = rows

    def __init__(self) -> None:
        super().__init__()
        self._rows: tuple[RunSummary, ...] | None = None
        self._shown: tuple[RunSummary, ...] = ()
        self._marked: set[str] = set()
        self._view: View = "runs"
        self._column = 0
        self._descending = True
        self._reading = self._again = False
        self._read_from = 0.0
        """When the runs may be read by themselves again (`time.monotonic`)."""

    def compose_body(self) -> ComposeResult:
        yield Static(Content("Reading the runs …"), id="history-headline")
        yield LineInput(
            placeholder="words to look for: model, agent, verdict …", id="history-filter"
        )
        table: DataTable[Text] = DataTable(id="history-table", cursor_type="row")
        table.zebra_stripes = True
        table.fixed_columns = 3
        yield table

    def on_mount(self) -> None:
        self._reader = RunIndex(self.ptb.runs_dir)
        self.query_one("#history-table").focus()
        self.set_interval(_SECONDS, self._look_if_shown)

    def on_screen_resume(self) -> None:
        self._look()

    def commands(self) -> Iterable[AppCommand]:
        yield AppCommand("Run an experiment", "Of a YAML file: arms, seeds", self.action_experiment)
        yield AppCommand("Compare the marked runs", "Scores, flags, choices", self.action_compare)
        yield AppCommand("Experiments", "How far each arm is", self.action_experiments)
        for view, title in _VIEWS.items():
            yield AppCommand(title, "Of the runs in the list", partial(self._take_view, view))
        for index, column in enumerate(COLUMNS):
            heading = column.heading.lower()
            yield AppCommand(
                f"Sort by {heading}", "Again turns the order", partial(self._by, index)
            )

    def action_mark(self) -> None:
        row = self._pointed()
        if row is not None:
            self._marked ^= {row.run_id}
            self._show()

    def can(self, action: str) -> bool:
        return action != "end" or self.query_one("#history-table").has_focus

    def action_end(self, first: bool) -> None:
        """The table's own Home and End go along a row; here a row is one run."""
        table = self.query_one("#history-table", DataTable)
        table.move_cursor(row=0 if first else table.row_count - 1)

    def action_compare(self) -> None:
        chosen = marked_rows(self._rows or (), self._marked)
        if len(chosen) < 2:
            self.ptb.say("Mark two or more runs with Space, then compare them.")
            return
        self.app.push_screen(CompareScreen([row.path for row in chosen]))

    def action_wall(self) -> None:
        """The marked runs side by side; without marks those that go on, else the newest four."""
        rows = self._rows or ()
        chosen = marked_rows(rows, self._marked)
        chosen = chosen or tuple(row for row in rows if row.state.startswith("running")) or rows[:4]
        if chosen:
            from ptb_lite.tui.screens.wall import WallScreen

            self.app.push_screen(WallScreen([row.path for row in chosen]))

    def action_experiments(self) -> None:
        """How far each arm of the experiments here is."""
        from ptb_lite.tui.screens.experiments import ExperimentsScreen

        self.app.push_screen(ExperimentsScreen(self.ptb.runs_dir))

    def action_sort(self) -> None:
        self._column = (self._column + 1) % len(COLUMNS)
        self._view = "runs"
        self._show()

    def action_turn(self) -> None:
        self._descending = not self._descending
        self._show()

    def action_next_view(self) -> None:
        views = list(_VIEWS)
        self._take_view(views[(views.index(self._view) + 1) % len(views)])

    def action_filter(self) -> None:
        self.query_one("#history-filter").focus()

    def action_unfilter(self) -> None:
        box = self.query_one("#history-filter", Input)
        box.value = ""
        self.query_one("#history-table").focus()

    def action_copy(self) -> None:
        row = self._pointed()
        if row is not None:
            self.app.copy_to_clipboard(row.run_id)
            self.ptb.say(f"Copied: {row.run_id}")

    def action_notes(self) -> None:
        """Ask for the run's name, tags and note, and keep them in its folder."""
        row = self._pointed()
        if row is None or not self._still_there(row.path):
            return
        from ptb_lite.tui.screens.ask_text import NotesScreen

        run = RunFolder(row.path)

        def keep(notes: Notes | None) -> None:
            if notes is not None:
                try:
                    write_record(run.notes, notes)
                except OSError as error:
                    self.ptb.say(f"Not kept: {error}", error=True)
                self._look()

        try:
            self.app.push_screen(NotesScreen(row.run_id, run.read_notes()), keep)
        except PtbLiteError as error:
            self.ptb.say(error, error=True)

    def action_experiment(self) -> None:
        """Ask for an experiment's file, and whether to start it."""
        from ptb_lite.tui.models.experiment import offer_plan
        from ptb_lite.tui.screens.ask_text import AskLineScreen

        def given(named: str | None) -> None:
            if named is not None:
                try:
                    self.ask_runs(offer_plan(named, self.ptb.runs_dir))
                except (PtbLiteError, OSError) as error:
                    self.ptb.say(error, error=True)

        words = "Its file, or the name of one that comes with ptb-lite."
        self.app.push_screen(
            AskLineScreen("Run an experiment", words, hint="disclosure-demo"), given
        )

    async def action_watch(self) -> None:
        row = self._pointed()
        if row is not None and self._still_there(row.path):
            await self.ptb.open_run(row.path)

    @on(DataTable.RowSelected, "#history-table")
    async def _open(self) -> None:
        row = self._pointed()
        if row is None or not self._still_there(row.path):
            return
        if row.verdict or row.source:
            await self.ptb.open_result(row.path)
        else:
            await self.ptb.open_run(row.path)

    @on(DataTable.HeaderSelected, "#history-table")
    def _heading(self, message: DataTable.HeaderSelected) -> None:
        if self._view == "runs" and message.column_index > 0:
            self._by(message.column_index - 1)

    @on(Input.Changed, "#history-filter")
    def _filtered(self) -> None:
        self._show()

    @on(Input.Submitted, "#history-filter")
    def _submitted(self) -> None:
        self.query_one("#history-table").focus()

    def on_history_screen_found(self, message: Found) -> None:
        self._reading = False
        if self._again:
            self._look()
        if message.rows != self._rows:
            self._rows = message.rows
            self._marked &= {row.run_id for row in message.rows}
            self._show()

    def _take_view(self, view: View) -> None:
        self._view = view
        self._show()

    def _by(self, index: int) -> None:
        self._view = "runs"
        if index == self._column:
            self._descending = not self._descending
        self._column = index
        self._show()

    def _show(self) -> None:
        """Draw the table anew, the cursor on the run where it was."""
        if self._rows is None:
            return
        table = self.query_one("#history-table", DataTable)
        before = self._pointed()
        rows = filter_rows(self._rows, self.query_one("#history-filter", Input).value)
        if self._view == "runs":
            ordered = sort_rows(rows, COLUMNS[self._column], descending=self._descending)
            self._shown = ordered[:_MOST_SHOWN]
            self._draw_runs(table)
        else:
            ranked = rank_rows(rows, self._view)[:_MOST_SHOWN]
            self._shown = tuple(each.row for each in ranked)
            cells = [(str(each.place), *_rank_cells(each.row), each.group) for each in ranked]
            fill(
                table, (*_RANK_HEADINGS, "AMONG"), [[_cell(cell) for cell in row] for row in cells]
            )
        ids = [row.run_id for row in self._shown]
        if before is not None and before.run_id in ids:
            table.move_cursor(row=ids.index(before.run_id))
        self._say_headline(rows)

    def _draw_runs(self, table: DataTable[Text]) -> None:
        arrow = "▼" if self._descending else "▲"
        headings = [
            f"{column.heading}{arrow if index == self._column else ''}"
            for index, column in enumerate(COLUMNS)
        ]
        rows = [
            [
                Text("*" if row.run_id in self._marked else " "),
                *(_cell(column.text(row)) for column in COLUMNS),
            ]
            for row in self._shown
        ]
        fill(table, (" ", *headings), rows)

    def _say_headline(self, rows: tuple[RunSummary, ...]) -> None:
        count, total = len(rows), len(self._rows or ())
        if not total:
            start = self.hinted("{setup|: start one in Setup (F2).}")
            text = f"No runs in {self.ptb.runs_dir}{start}"
        else:
            runs = "run" if total == 1 else "runs"
            some = f"{count} of {total} {runs}" if count < total else f"{total} {runs}"
            marked = f"; {len(self._marked)} marked" if self._marked else ""
            if count > _MOST_SHOWN:
                marked += f"; the first {_MOST_SHOWN:,} are shown, / finds others"
            out = 0 if self._view == "runs" else count - len(rank_rows(rows, self._view))
            if out:
                marked += f"; {plural(out, 'run')} not ranked: interrupted, or without a score"
            told = count_success(rows)
            success = f"; success: {told}" if told else ""
            text = f"{_VIEWS[self._view]}: {some} in {self.ptb.runs_dir}{success}{marked}"
        self.query_one("#history-headline", Static).update(Content(one_line(text, 300)))

    def _pointed(self) -> RunSummary | None:
        at = self.query_one("#history-table", DataTable).cursor_row
        return self._shown[at] if 0 <= at < len(self._shown) else None

    def _still_there(self, path: Path) -> bool:
        if (path / "spec.json").is_file():
            return True
        self.ptb.say(f"{path.name} is gone: its folder was deleted.", error=True)
        self._look()
        return False

    def _look_if_shown(self) -> None:
        if self.is_current and time.monotonic() >= self._read_from:
            self._look()

    def _look(self) -> None:
        """Read the runs, once more where that is going on: two readers would halve each other."""
        self._again = self._reading
        if not self._reading:
            self._reading = True
            self._read()

    @work(thread=True, group="history")
    def _read(self) -> None:
        began = time.monotonic()
        found = reversed(self._reader.read())
        rows = tuple(row for row in found if self.ptb.shows_run(row.run_id))
        ended = time.monotonic()
        self._read_from = ended + (ended - began) / _MOST_READING
        self.post_message(self.Found(rows))


def _rank_cells(row: RunSummary) -> tuple[str, ...]:
    return (
        row.run_id,
        row.agent,
        percent(row.few_shot),
        percent(row.raw),
        percent(row.counted),
        over_text(row),
        said(row.verdict),
    )


def _cell(text: str) -> Text:
    return Text(one_line(text, 60))
