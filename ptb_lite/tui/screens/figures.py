"""The figures of the experiments of the runs folder, one experiment at a time. It only reads."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static

from ptb_lite.tui.models.experiment import FiguresView, figures_view
from ptb_lite.tui.text import one_line

_SECONDS = 2.0
# Of its time: thousands of runs are not read every 2 s.
_MOST_READING = 0.1


class FiguresScreen(ModalScreen[None]):
    """Closed by Escape, f or q; left and right turn to another experiment."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,f,q", "app.pop_screen", "Close"),
        ("left", "turn(-1)", "Newer experiment"),
        ("right", "turn(1)", "Older experiment"),
    ]

    class Told(Message):
        """What there is now."""

        def __init__(self, view: FiguresView, asked: int, pause: float) -> None:
            super().__init__()
            self.view = view
            self.asked = asked
            self.pause = pause

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        self._runs_dir = runs_dir
        self._at = 0
        self._shown: FiguresView | None = None
        self._next: Timer | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="figures") as box:
            box.border_title = Content("Figures")
            yield Static(Content("Reading the runs …"), id="figures-text")

    def on_mount(self) -> None:
        self._read(self._at)

    def action_turn(self, by: int) -> None:
        if self._next is not None:
            self._next.stop()
        self._at += by
        self._read(self._at)

    @work(thread=True, group="figures")
    def _read(self, at: int) -> None:
        began = time.monotonic()
        view = figures_view(self._runs_dir, at)
        pause = max(_SECONDS, (time.monotonic() - began) / _MOST_READING)
        self.post_message(self.Told(view, at, pause))

    async def on_figures_screen_told(self, message: Told) -> None:
        if message.asked != self._at:
            return
        if self._next is not None:
            self._next.stop()
        self._next = self.set_timer(message.pause, lambda: self._read(message.asked))
        if message.view != self._shown:
            await self._show(message.view)

    async def _show(self, view: FiguresView) -> None:
        from ptb_lite.tui.widgets.figure_plot import FigurePlot

        self._shown = view
        box = self.query_one("#figures", VerticalScroll)
        box.border_title = Content(one_line(view.title))
        others = (
            f"{view.at + 1} of {view.count}, left and right: others; " if view.count > 1 else ""
        )
        box.border_subtitle = Content(f"{others}Escape closes")
        text = self.query_one("#figures-text", Static)
        text.update(Content(view.problem))
        text.display = bool(view.problem)
        await box.remove_children(FigurePlot)
        await box.mount_all(FigurePlot(figure) for figure in view.figures)
