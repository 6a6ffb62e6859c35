"""The line on top: the app's name and the five places; the one in front has brackets."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from ptb_lite.tui.place import Mode

PLACES: tuple[tuple[str, Mode, str], ...] = (
    ("F2", "setup", "Setup"),
    ("F3", "run", "Run"),
    ("F4", "result", "Result"),
    ("F5", "history", "History"),
    ("F6", "doctor", "Doctor"),
)


_HERE = "bold $block-cursor-foreground on $block-cursor-background"


class TopBar(Static):
    """A click on a place goes there."""

    ALLOW_SELECT = False

    def __init__(self, mode: Mode) -> None:
        parts = ["[bold]ptb-lite[/]  "]
        for key, name, title in PLACES:
            shown = rf"\[{title}]" if name == mode else f" {title} "
            style = _HERE if name == mode else "$text-muted"
            parts.append(f"[@click=app.go('{name}')][$text-accent]{key}[/][{style}]{shown}[/][/] ")
        super().__init__(Content.from_markup("".join(parts)), id="top-bar")
