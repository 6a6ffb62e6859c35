"""What all screens share: the bar on top, the keys at the bottom, help and room to be small."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer

from ptb_lite.tui.commands import AppCommand
from ptb_lite.tui.keys import named
from ptb_lite.tui.place import Mode, Place, Visit
from ptb_lite.tui.widgets.top_bar import TopBar


class Offer(Protocol):
    """Runs that can be started together, once a person has said yes."""

    @property
    def title(self) -> str: ...

    def question(self) -> str: ...

    def start(self) -> str: ...


class Host(Protocol):
    """What a screen asks of the app."""

    @property
    def runs_dir(self) -> Path: ...

    @property
    def visit(self) -> Visit | None: ...

    @property
    def draws(self) -> asyncio.Event: ...

    def shows_run(self, run_id: str) -> bool: ...

    async def go(self, place: Place) -> None: ...

    async def open_run(self, path: Path) -> None: ...

    async def open_result(self, path: Path) -> None: ...

    def say(self, text: object, *, error: bool = False) -> None: ...


class Said(Message):
    """Something apart from the screen is done, or could not be."""

    def __init__(self, words: str, *, failed: bool = False) -> None:
        super().__init__()
        self.words = words
        self.failed = failed


_HINT = re.compile(r"\{(\w+)\|([^{}]*)\}")


class PtbScreen(Screen[None]):
    """Base of the five screens.

    A screen gives `MODE`, `HELP` (a few lines, shown by F1 above its keys), `compose_body` and,
    if it has any, `commands`. `VIEWED` are its actions that change nothing outside the app: a
    visitor has these alone. The classes -narrow/-wide and -short/-tall follow the terminal's
    size, so that a screen's style sheet can say what to leave out.
    """

    MODE: ClassVar[Mode]
    HELP: ClassVar[str] = ""
    VIEWED: ClassVar[frozenset[str]] = frozenset()
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (100, "-normal"),
        (140, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-short"),
        (30, "-middle"),
        (45, "-tall"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1", "app.help", "Help", key_display="F1")]

    def __init_subclass__(cls, **given: Any) -> None:
        """Every key has a name by which a person can give it another."""
        if "BINDINGS" in cls.__dict__ and hasattr(cls, "MODE"):
            cls.BINDINGS = named(cls.BINDINGS, cls.MODE)
        super().__init_subclass__(**given)

    def compose(self) -> ComposeResult:
        yield TopBar(self.MODE, self.ptb.visit)
        yield from self.compose_body()
        yield Footer()

    def compose_body(self) -> ComposeResult:
        """The widgets between the bar and the footer."""
        raise NotImplementedError

    def help_text(self) -> str:
        """What F1 says above the keys."""
        return self.hinted(" ".join(self.HELP.split()))

    def hinted(self, text: str) -> str:
        """`text` with every `{ACTION|words}` as its words, or without them where a visitor may not.

        No text names a key that does nothing for who reads it.
        """
        shown = _HINT.sub(lambda found: found[2] if self.may(found[1]) else "", text)
        return " ".join(shown.split())

    def may(self, action: str) -> bool:
        """Whether one of this screen's actions is there for who uses the app."""
        textuals = hasattr(Screen, f"action_{action}")
        return self.ptb.visit is None or action in self.VIEWED or textuals

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return self.may(action) and self.can(action)

    def can(self, action: str) -> bool:  # noqa: ARG002
        """Whether one of this screen's actions can be done now."""
        return True

    def commands(self) -> Iterable[AppCommand]:
        """What the palette offers while this screen is in front."""
        return ()

    def apart(self, work: Callable[[], Message]) -> None:
        """Do what may wait for a network in a thread that nobody waits for, and post its message.

        A worker would hold up leaving the app until a server answers or its time is up.
        """

        def run() -> None:
            message = work()
            if self.is_attached:
                self.post_message(message)

        threading.Thread(target=run, daemon=True).start()

    def ask_runs(self, offer: Offer) -> None:
        """Ask whether to start several runs, and start them."""
        from ptb_lite.errors import PtbLiteError
        from ptb_lite.tui.screens.dialogs import AskScreen

        def start() -> Said:
            try:
                return Said(offer.start())
            except (PtbLiteError, OSError) as error:
                return Said(str(error), failed=True)

        def answered(yes: bool | None) -> None:
            if yes:
                self.apart(start)

        question = AskScreen(offer.title, offer.question(), yes="Run them", no="Not now")
        self.app.push_screen(question, answered)

    def on_said(self, message: Said) -> None:
        self.ptb.say(message.words, error=message.failed)

    @property
    def ptb(self) -> Host:
        """The app, with its own methods."""
        return cast("Host", self.app)
