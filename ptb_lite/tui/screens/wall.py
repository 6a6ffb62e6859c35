"""Wall: several runs side by side, for a screen that many people see. It only reads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from ptb_lite.errors import PtbLiteError
from ptb_lite.runs.folder import RunFolder
from ptb_lite.tui.models.run.fold import RunFold
from ptb_lite.tui.models.run.follow import follow
from ptb_lite.tui.models.run.source import LiveSource, Piece
from ptb_lite.tui.models.run.submission import submitted_now
from ptb_lite.tui.models.run.text import what_line
from ptb_lite.tui.models.run.view import RunSnapshot
from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.run_panels import RunHeader, put

MAX_RUNS = 12
_TICK_SECONDS = 1.0


class WallPanel(Vertical):
    """One run: what it is, how it stands, and the last thing of its trace."""

    class Told(Message):
        """There is something new."""

    def __init__(self, run: RunFolder) -> None:
        super().__init__()
        self._run = run
        self._left = threading.Event()
        self._source = LiveSource(run)
        self._newest: tuple[RunSnapshot, Piece, str] | None = None
        self._what = "its choices cannot be read"

    def compose(self) -> ComposeResult:
        yield RunHeader(opens="")
        yield Static(id="last")

    def on_mount(self) -> None:
        self.border_title = Content(one_line(self._run.run_id))
        self.set_interval(_TICK_SECONDS, self._show)
        self._follow()

    def on_unmount(self) -> None:
        self._left.set()

    def on_wall_panel_told(self) -> None:
        self._show()

    def _show(self) -> None:
        if self._newest is None:
            return
        shot, piece, submitted = self._newest
        header = self.query_one(RunHeader)
        header.name_run(self._what)
        header.show(shot, piece.state, self._source.now(), submitted)
        last = one_line(shot.entries[-1].text, 300) if shot.entries else ""
        put(self.query_one("#last", Static), Content(last))

    @work(thread=True, exit_on_error=False)
    def _follow(self) -> None:
        counts: tuple[int, tuple[str, ...]] = (1, ())
        with suppress(PtbLiteError, OSError):
            spec, name = self._run.read_spec(), self._run.read_notes().name
            counts, self._what = (len(spec.benchmarks), spec.off_target), what_line(spec)
            if name:
                self._what = f"{one_line(name, 60)} · {self._what}"
        with suppress(OSError):
            follow(self._source, RunFold(self._run.run_id, *counts), self._left, self._tell)

    def _tell(self, shot: RunSnapshot, piece: Piece) -> None:
        at_work = shot.agent is not None and shot.sealed_bytes is None and not shot.no_score
        self._newest = shot, piece, submitted_now(self._run.workspace) if at_work else ""
        self.post_message(self.Told())


class WallScreen(Screen[None]):
    """The runs of `paths`, at most `MAX_RUNS`."""

    CSS_PATH: ClassVar = ["../styles/run.tcss", "../styles/history.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "app.pop_screen", "Back")]
    HORIZONTAL_BREAKPOINTS = [(0, "-one"), (120, "-two"), (200, "-three")]  # noqa: RUF012

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__()
        self._paths = tuple(paths)[:MAX_RUNS]

    def compose(self) -> ComposeResult:
        with Container(id="wall"):
            for path in self._paths:
                yield WallPanel(RunFolder(path))
        yield Footer()
