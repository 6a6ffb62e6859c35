"""A word and the control beside it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static


class Field(Horizontal):
    """One line: what is chosen, and how."""

    def __init__(self, label: str, control: Widget) -> None:
        super().__init__(classes="field")
        self._label = label
        self._control = control

    def on_click(self) -> None:
        """A click on the word is for what stands beside it."""
        self._control.focus()

    def compose(self) -> ComposeResult:
        yield Static(Content(self._label), classes="field-label")
        yield self._control
