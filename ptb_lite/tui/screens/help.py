"""F1: what the screen in front is for, and the keys of what has the focus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ptb_lite.tui.text import one_line


@dataclass(frozen=True)
class KeyLine:
    """One key and what it does, as the help shows them; `name` is its name in app.yaml."""

    key: str
    what: str
    name: str = ""


class HelpScreen(ModalScreen[None]):
    """Closed by Escape, F1, Enter or q."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,f1,enter,q", "app.pop_screen", "Close"),
    ]

    def __init__(self, title: str, text: str, keys: Sequence[KeyLine]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._keys = keys

    def compose(self) -> ComposeResult:
        width = max((len(line.key) for line in self._keys), default=0)
        lines = Content("\n").join(
            Content.assemble(
                f"{line.key:<{width}}  {one_line(line.what)}  ", (line.name, "$text-muted")
            )
            for line in self._keys
        )
        with VerticalScroll(id="help") as box:
            box.border_title = Content(f"{self._title}: help")
            box.border_subtitle = Content("Escape closes")
            yield Static(Content(self._text.strip()), id="help-text")
            yield Static(lines, id="help-keys")
