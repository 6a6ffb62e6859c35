"""Asks for the name under which the choices are kept."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from ptb_lite.tui.widgets.line_input import LineInput


class SavePresetScreen(ModalScreen[str | None]):
    """Its result is the name, or None where the person thought better of it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        with Vertical(id="save-preset") as box:
            box.border_title = "Save these choices as a preset"
            yield Static(Content("Letters, digits, dot, dash and underscore. One of that name of"))
            yield Static(Content("your own is replaced. Enter saves, Escape goes back."))
            yield LineInput(placeholder="my-preset", max_length=64, id="preset-name")

    @on(Input.Submitted)
    def _named(self, message: Input.Submitted) -> None:
        if message.value.strip():
            self.dismiss(message.value.strip())
