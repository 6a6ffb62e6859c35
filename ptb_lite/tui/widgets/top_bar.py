"""The line on top: the app's name and the five places; the one in front has brackets."""

from __future__ import annotations

from typing import Any, cast

from textual import work
from textual.content import Content
from textual.widgets import Static

from ptb_lite.tui.models.going import going_runs
from ptb_lite.tui.place import Mode, Place, Visit

PLACES: tuple[tuple[str, Mode, str], ...] = (
    ("F2", "setup", "Setup"),
    ("F3", "run", "Run"),
    ("F4", "result", "Result"),
    ("F5", "history", "History"),
    ("F6", "doctor", "Doctor"),
)


_SECONDS = 2.0
_HERE = "bold $block-cursor-foreground on $block-cursor-background"


class TopBar(Static):
    """A click on a place goes there."""

    ALLOW_SELECT = False

    def __init__(self, mode: Mode, visit: Visit | None = None) -> None:
        self._mode = mode
        self._visit = visit
        self._going = 0
        super().__init__(self._line(), id="top-bar")

    def on_mount(self) -> None:
        # Of the screen in front alone; the others look when they are shown again.
        self.set_interval(_SECONDS, self._look)

    @work(thread=True, exclusive=True, group="going", exit_on_error=False)
    def _look(self) -> None:
        if self.screen.is_current:
            app = cast("Any", self.app)
            going = tuple(filter(app.shows_run, going_runs(app.runs_dir)))
            self.app.call_from_thread(self._show, going)

    def _show(self, going: tuple[str, ...]) -> None:
        cast("Any", self.app).runs_go_on(going)
        if len(going) != self._going:
            self._going = len(going)
            self.update(self._line())

    def _line(self) -> Content:
        parts = ["[bold]ptb-lite[/]  "]
        for key, name, title in PLACES:
            if self._visit is not None and not self._visit.shows(Place(name)):
                continue
            # How many runs go on stands at the place that shows them.
            title = f"{title} ▶{self._going}" if name == "run" and self._going else title
            shown = rf"\[{title}]" if name == self._mode else f" {title} "
            style = _HERE if name == self._mode else "$text-muted"
            parts.append(f"[@click=app.go('{name}')][$text-accent]{key}[/][{style}]{shown}[/][/] ")
        return Content.from_markup("".join(parts))
