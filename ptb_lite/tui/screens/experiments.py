"""How far the experiments of the runs folder are, arm by arm."""

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
from textual.widgets import Static

from ptb_lite.experiment.progress import experiments_text

_SECONDS = 2.0
# Of its time: thousands of cells are not read every 2 s.
_MOST_READING = 0.1


class ExperimentsScreen(ModalScreen[None]):
    """Closed by Escape, e, Enter or q; read again by itself. f draws the figures."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,e,enter,q", "app.pop_screen", "Close"),
        ("f", "figures", "Figures"),
    ]

    class Told(Message):
        """What there is now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, runs_dir: Path) -> None:
        super().__init__()
        self._runs_dir = runs_dir

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as box:
            box.border_title = Content("Experiments")
            box.border_subtitle = Content("f: figures, Escape closes")
            yield Static(Content("Reading the experiments …"), id="experiments-text")

    def on_mount(self) -> None:
        self._read()

    def action_figures(self) -> None:
        from ptb_lite.tui.screens.figures import FiguresScreen

        self.app.push_screen(FiguresScreen(self._runs_dir))

    @work(thread=True, group="experiments")
    def _read(self) -> None:
        began = time.monotonic()
        text = experiments_text(self._runs_dir)
        self._pause = max(_SECONDS, (time.monotonic() - began) / _MOST_READING)
        self.post_message(self.Told(text))

    def on_experiments_screen_told(self, message: Told) -> None:
        self.query_one("#experiments-text", Static).update(Content(message.text))
        self.set_timer(self._pause, self._read)
