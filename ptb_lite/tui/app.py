"""The app: five places, one palette, and how it looks. What is shown is the screens' matter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import Screen

from ptb_lite.tui.commands import AppCommand, Commands
from ptb_lite.tui.filters import AsciiFilter, HarmlessFilter
from ptb_lite.tui.keys import named
from ptb_lite.tui.place import Mode, Place, Visit
from ptb_lite.tui.settings import (
    Look,
    is_ascii_terminal,
    load_look,
    run_command,
    save_look,
    settings_file,
)
from ptb_lite.tui.text import notification, one_line
from ptb_lite.tui.themes import THEME_NAMES, THEMES

if TYPE_CHECKING:
    from ptb_lite.tui.settings_file import OwnSettings


class PtbLiteApp(App[None]):
    """Shows the runs of one folder and starts new ones; leaving it ends none of them.

    `runs_dir` is the folder of the runs, `place` what is shown first.
    """

    TITLE = "ptb-lite"
    CSS_PATH = "styles/app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}
    # Of an app in a visitor's browser: what may be seen.
    visit: Visit | None = None
    BINDINGS: ClassVar[list[BindingType]] = named(
        (
            Binding("f2", "go('setup')", "Setup", show=False),
            Binding("f3", "go('run')", "Run", show=False),
            Binding("f4", "go('result')", "Result", show=False),
            Binding("f5", "go('history')", "History", show=False),
            Binding("f6", "go('doctor')", "Doctor", show=False),
            Binding("f1", "help", "Help", key_display="F1", show=False),
            Binding("ctrl+c", "leave", "Leave; runs go on", show=False, priority=True),
            Binding("ctrl+z", "suspend_process", "To the shell; fg comes back", show=False),
            Binding("ctrl+q", "quit", "Leave; runs go on", show=False, priority=True),
        ),
        "app",
    )

    def __init__(self, runs_dir: Path, place: Place | None = None) -> None:
        self.runs_dir = runs_dir
        first = self._known(place or Place()) or Place()
        # Of this object alone: no blank screen is built and drawn before the first one.
        self.DEFAULT_MODE = first.mode  # type: ignore[misc]
        super().__init__()
        self._opened: dict[Mode, Place] = {first.mode: first}
        # The run that was shown last: Run and Result show the same one.
        self._last = first.path
        # Textual's name of each place's mode: another run is another one.
        self._names: dict[Mode, str] = {first.mode: first.mode}
        self.add_mode(first.mode, lambda: _screen(first))
        self._ascii = AsciiFilter(enabled=False)
        self._harmless = HarmlessFilter()
        for theme in THEMES:
            self.register_theme(theme)
        self._going: set[str] = set()
        self.look = load_look()
        self.theme = self.look.theme
        self._use_ascii()
        self._own: OwnSettings | None = None
        # Set once Textual draws: before, it holds every frame back.
        self.draws = asyncio.Event()

    def on_ready(self) -> None:
        self.draws.set()

    def on_mount(self) -> None:
        # After Ctrl+Z and fg the terminal is empty, and Textual draws only what changes.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        # After the first frame, which does not wait for what reads and validates.
        self.set_timer(0.2, self._take_own_settings)

    @work(thread=True, exit_on_error=False)
    def _take_own_settings(self) -> None:
        if self.visit is not None or not settings_file().is_file():
            return
        from ptb_lite.errors import PtbLiteError
        from ptb_lite.tui.settings import own_settings

        try:
            own, problems = own_settings(_all_bindings())
        except PtbLiteError as error:
            self.call_from_thread(self.say, error, error=True)
            return
        self.call_from_thread(self._use_own_settings, own, problems)

    def _use_own_settings(self, own: OwnSettings, problems: tuple[str, ...]) -> None:
        self._own = own
        self.set_keymap(own.keys)
        for problem in problems:
            self.say(problem, error=True)

    async def go(self, place: Place) -> None:
        """Show a place. Of run and result the app keeps one each; another run takes its place."""
        found = self._known(place)
        if found is None:
            if self.visit is None:
                self.say("There is no run yet: start one in Setup (F2).")
            return
        place = found
        self._last = place.path or self._last
        if self._opened.get(place.mode) == place:
            await self.switch_mode(self._names[place.mode])
            return
        before = self._names.get(place.mode)
        name = place.mode if before != place.mode else f"{place.mode}-other"
        self._opened[place.mode], self._names[place.mode] = place, name
        self.add_mode(name, lambda: _screen(place))
        await self.switch_mode(name)
        if before is not None:
            await self.remove_mode(before)

    def shows_run(self, run_id: str) -> bool:
        """Whether a run may be seen here: a visitor may be shown some alone."""
        return self.visit is None or self.visit.shows_run(run_id)

    async def open_run(self, path: Path) -> None:
        """Show a run that is going on or has ended."""
        await self.go(Place("run", path))

    async def open_result(self, path: Path) -> None:
        """Show what a run came to."""
        await self.go(Place("result", path))

    def say(self, text: object, *, error: bool = False) -> None:
        """A passing notice; what others wrote in it is made harmless."""
        shown = one_line(text, 400)
        # What went wrong is to be read, however long a path in it is.
        seconds = 12.0 if error else 5.0
        severity: SeverityLevel = "error" if error else "information"
        self.notify(shown, severity=severity, timeout=seconds, markup=False)

    def runs_go_on(self, going: tuple[str, ...]) -> None:
        """Take the runs that go on now; of one that has ended since, a person is told.

        By a notice, the terminal's bell and, where it knows them, its own notifications.
        """
        ended, self._going = self._going - set(going), set(going)
        if not ended:
            return
        from ptb_lite.tui.models.history.rows import end_words

        for run_id in sorted(ended):
            words = one_line(end_words(self.runs_dir / run_id), 200)
            self.say(words)
            self._tell(run_id, words)

    def _tell(self, run_id: str, words: str) -> None:
        """A run has ended: the bell, the terminal's notification, a person's own command."""
        if self._own is None or self._own.bell:
            self.bell()
            if self._driver is not None and not self.is_headless:
                self._driver.write(notification(words))
        if self._own is not None and self._own.on_end:
            try:
                run_command(self._own.on_end, run_id, words)
            except OSError as error:
                self.say(f"on_end of app.yaml: {error}", error=True)

    def commands(self) -> Iterable[AppCommand]:
        """What can be done anywhere."""
        for mode, title in _TITLES.items():
            yield AppCommand(f"Go to {title}", _PURPOSES[mode], partial(self._go, mode))
        for name in THEME_NAMES:
            yield AppCommand(
                f"Theme: {name}",
                "Remembered for the next time",
                partial(self._take_look, replace(self.look, theme=name)),
            )
        use = not self._ascii.enabled
        yield AppCommand(
            "ASCII only" if use else "Unicode",
            "For terminals and fonts that lack lines and blocks; remembered",
            partial(self._take_look, replace(self.look, ascii=use)),
        )
        yield AppCommand("Help", "The keys of what has the focus", self.action_help)
        yield AppCommand("Leave", "Runs go on", self.exit)

    async def action_go(self, mode: Mode) -> None:
        await self._go(mode)

    def action_help(self) -> None:
        from ptb_lite.tui.screens.base import PtbScreen
        from ptb_lite.tui.screens.help import HelpScreen, KeyLine

        screen = self.screen
        if not isinstance(screen, PtbScreen):
            return
        keys = [
            KeyLine(
                self.get_key_display(found.binding),
                found.binding.description,
                found.binding.id or "",
            )
            for found in screen.active_bindings.values()
            if found.binding.description and found.enabled
        ]
        self.push_screen(HelpScreen(_TITLES[screen.MODE], screen.help_text(), keys))

    def action_leave(self) -> None:
        """Ctrl+C copies where something is selected, and leaves otherwise."""
        from textual.widgets import Input, TextArea  # the first frame needs no editor

        selected = self.screen.get_selected_text()
        focused = self.focused
        if not selected and isinstance(focused, Input | TextArea):
            selected = focused.selected_text
        if selected:
            self.copy_to_clipboard(selected)
            self.screen.clear_selection()
            self.say("Copied. Ctrl+C once more leaves.")
        else:
            self.exit()

    def get_line_filters(self) -> list[LineFilter]:
        filters = [*super().get_line_filters(), self._harmless]
        return [*filters, self._ascii] if self._ascii.enabled else filters

    async def _go(self, mode: Mode) -> None:
        place = self._opened.get(mode, Place(mode))
        if mode in ("run", "result") and self._last is not None and place.path != self._last:
            place = Place(mode, self._last)
        await self.go(place)

    def _known(self, place: Place) -> Place | None:
        """The place with its run: the newest where none is named; None where there is none."""
        if self.visit is not None and not self.visit.shows(place):
            return None
        if place.mode not in ("run", "result") or place.path is not None:
            return place
        from ptb_lite.runs.folder import list_runs

        runs = [run for run in list_runs(self.runs_dir) if self.shows_run(run.run_id)]
        return Place(place.mode, runs[-1].path) if runs else None

    def _take_look(self, look: Look) -> None:
        self.look = look
        save_look(look)
        self.theme = look.theme
        self._use_ascii()
        self.screen.refresh(layout=True)

    def _use_ascii(self) -> None:
        chosen = self.look.ascii
        self._ascii.enabled = is_ascii_terminal() if chosen is None else chosen
        self.set_class(self._ascii.enabled, "-ascii")


_TITLES: dict[Mode, str] = {
    "setup": "Setup",
    "run": "Run",
    "result": "Result",
    "history": "History",
    "doctor": "Doctor",
}
_PURPOSES: dict[Mode, str] = {
    "setup": "Choose and start a run",
    "run": "Watch the run that was opened last, or the newest",
    "result": "Scores, flags and samples of the run that was opened last, or the newest",
    "history": "All runs, compared",
    "doctor": "What this machine has and lacks",
}


def _screen(place: Place) -> Screen[Any]:
    """The screen of a place; each is imported when it is first shown."""
    match place.mode:
        case "setup":
            from ptb_lite.tui.screens.setup import SetupScreen

            return SetupScreen()
        case "history":
            from ptb_lite.tui.screens.history import HistoryScreen

            return HistoryScreen()
        case "doctor":
            from ptb_lite.tui.screens.doctor import DoctorScreen

            return DoctorScreen()
        case "run":
            from ptb_lite.tui.screens.run import RunScreen

            assert place.path is not None
            return RunScreen(place.path, speed=place.speed)
        case "result":
            from ptb_lite.tui.screens.result import ResultScreen

            assert place.path is not None
            return ResultScreen(place.path)


def _all_bindings() -> list[BindingType]:
    """Those of the app and of its five places."""
    from ptb_lite.tui.screens.doctor import DoctorScreen
    from ptb_lite.tui.screens.history import HistoryScreen
    from ptb_lite.tui.screens.result import ResultScreen
    from ptb_lite.tui.screens.run import RunScreen
    from ptb_lite.tui.screens.setup import SetupScreen

    places = (SetupScreen, RunScreen, ResultScreen, HistoryScreen, DoctorScreen)
    return [*PtbLiteApp.BINDINGS, *(each for place in places for each in place.BINDINGS)]
