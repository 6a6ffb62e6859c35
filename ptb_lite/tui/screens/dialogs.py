"""Two small screens over another: a question asked once, and the evidence of one flag."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from ptb_lite.events import Flag
from ptb_lite.tui.models.result.flag_text import flag_parts
from ptb_lite.tui.text import one_line


class AskScreen(ModalScreen[bool]):
    """Asks one question; True for yes. Escape and the button that has the focus first say no."""

    CSS_PATH = "../styles/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "answer(False)", "No"),
        ("y", "answer(True)", "Yes"),
        ("n", "answer(False)", "No"),
    ]

    def __init__(self, title: str, words: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._title, self._words, self._yes, self._no = title, words, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(id="ask") as box:
            box.border_title = Content(one_line(self._title))
            yield Static(Content(self._words), id="ask-words")
            with Horizontal(id="ask-buttons"):
                yield Button(Content(self._no), id="no", variant="primary")
                yield Button(Content(self._yes), id="yes", variant="error")

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class FlagScreen(ModalScreen[None]):
    """One flag: what was found, where, and the evidence beside the test item."""

    CSS_PATH = "../styles/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,enter", "app.pop_screen", "Close"),
        ("y", "copy", "Copy"),
    ]

    def __init__(self, flag: Flag, *, live: bool = False) -> None:
        super().__init__()
        self._parts = flag_parts(flag, live=live)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="flag") as box:
            box.border_title = Content(self._parts.title)
            box.border_subtitle = Content("y copies, Escape closes")
            yield Static(Content(self._parts.facts), id="flag-facts")
            with Horizontal(id="flag-sides"):
                for side in self._parts.sides:
                    with Vertical(classes="flag-side") as part:
                        part.border_title = Content(side.title)
                        yield Static(Content(side.text))

    def on_mount(self) -> None:
        self.query_one("#flag").focus()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._parts.as_text())
        self.notify("Copied", markup=False)
