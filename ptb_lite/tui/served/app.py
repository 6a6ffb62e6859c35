"""The app as a visitor has it: it shows runs and changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from textual.drivers.web_driver import WebDriver

from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Place, Visit
from ptb_lite.tui.settings import ASCII_VARIABLE

# A larger screen takes memory without end, and nobody has one.
MOST_COLUMNS, MOST_ROWS = 500, 200
_ORPHAN_SECONDS = 2.0
_ACTIONS = frozenset(
    {"go", "help", "leave", "quit", "pop_screen", "focus_next", "focus_previous", "focus"}
)


class VisitorDriver(WebDriver):
    """Takes a size from the browser within bounds."""

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        if packet_type == "resize":
            width, height = payload.get("width"), payload.get("height")
            if not isinstance(width, int) or not isinstance(height, int):
                return
            payload = {**payload, "width": _within(width, MOST_COLUMNS)}
            payload["height"] = _within(height, MOST_ROWS)
        super().on_meta(packet_type, payload)


class VisitorApp(PtbLiteApp):
    """`run_ids` are the runs that may be seen, all of the folder where there are none.

    One run is shown as it goes on, or as what it came to; of several the wall comes first.
    """

    CSS_PATH = "../styles/app.tcss"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, runs_dir: Path, run_ids: Sequence[str] = ()) -> None:
        self.visit = Visit(frozenset(run_ids) or None)
        self._wall = [runs_dir / run_id for run_id in run_ids] if len(run_ids) > 1 else []
        super().__init__(runs_dir, _first(runs_dir, run_ids))
        self._server = os.getppid()

    def on_mount(self) -> None:
        self.set_interval(_ORPHAN_SECONDS, self._leave_without_server)
        if self._wall:
            from ptb_lite.tui.screens.wall import WallScreen

            self.push_screen(WallScreen(self._wall))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action in _ACTIONS

    def _leave_without_server(self) -> None:
        """A server that was killed sends no farewell."""
        if os.getppid() != self._server:
            self.exit()


def main(arguments: Sequence[str]) -> None:
    """Show the runs of the folder that comes first, or those of them that are named after it."""
    runs_dir, *run_ids = arguments
    # A browser draws everything, whatever the server's own terminal does.
    os.environ[ASCII_VARIABLE] = "0"
    for name, most in (("COLUMNS", MOST_COLUMNS), ("ROWS", MOST_ROWS)):
        given = os.environ.get(name, "")
        os.environ[name] = str(_within(int(given), most)) if given.isdecimal() else "80"
    app = VisitorApp(Path(runs_dir), run_ids)
    app.driver_class = VisitorDriver
    app.run()


def _first(runs_dir: Path, run_ids: Sequence[str]) -> Place:
    from ptb_lite.runs.folder import RunFolder

    if len(run_ids) != 1:
        return Place("history")
    path = runs_dir / run_ids[0]
    return Place("result" if RunFolder(path).scores.exists() else "run", path)


def _within(cells: int, most: int) -> int:
    return max(1, min(cells, most))
