"""Doctor: what this machine has and lacks, with the way out of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ptb_lite.doctor.checks import Check
from ptb_lite.tui.commands import AppCommand
from ptb_lite.tui.models.doctor import DoctorView, examine
from ptb_lite.tui.place import Mode
from ptb_lite.tui.screens.base import PtbScreen
from ptb_lite.tui.text import one_line

_MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL", "absent": "-"}
_STYLES = {
    "ok": "$text-success",
    "warn": "$text-warning",
    "fail": "bold $text-error",
    "absent": "$text-muted",
}


class DoctorScreen(PtbScreen):
    MODE: ClassVar[Mode] = "doctor"
    CSS_PATH = "../styles/doctor.tcss"
    HELP = """
Every check of `ptb-lite doctor`, what fails first. FAIL: runs cannot start. warn: a part of the
job will not work. ok: all is well; an arrow then says how to have more. Nothing is changed here.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "Check again"),
        Binding("o", "online", "Ask the Hub too"),
        Binding("y", "copy", "Copy the fix"),
    ]

    class Examined(Message):
        """All checks have run."""

        def __init__(self, view: DoctorView) -> None:
            super().__init__()
            self.view = view

    def compose_body(self) -> ComposeResult:
        yield Static("", id="doctor-headline")
        yield OptionList(id="doctor-checks", markup=False)

    def on_mount(self) -> None:
        self._view = DoctorView((), "")
        self._check(online=False)

    def action_again(self) -> None:
        self._check(online=False)

    def action_online(self) -> None:
        self._check(online=True)

    def action_copy(self) -> None:
        index = self.query_one(OptionList).highlighted
        if index is None or not self._view.checks:
            return
        check = self._view.checks[index]
        self.app.copy_to_clipboard(check.fix or check.message)
        self.ptb.say("Copied: " + (check.fix or check.message))

    def commands(self) -> Iterable[AppCommand]:
        yield AppCommand("Check this machine again", "Every check once more", self.action_again)
        yield AppCommand("Check the Hub as well", "Needs the network", self.action_online)

    def on_doctor_screen_examined(self, message: Examined) -> None:
        self._view = message.view
        self.query_one("#doctor-headline", Static).update(Content(message.view.headline))
        checks = self.query_one(OptionList)
        checks.set_options(Option(_prompt(check)) for check in message.view.checks)
        checks.highlighted = 0 if message.view.checks else None
        checks.focus()

    def _check(self, *, online: bool) -> None:
        asked = "the machine and the Hub" if online else "the machine"
        self.query_one("#doctor-headline", Static).update(Content(f"Looking at {asked} …"))
        runs_dir = self.ptb.runs_dir
        self.apart(lambda: self.Examined(examine(runs_dir, online=online)))


def _prompt(check: Check) -> Content:
    mark = _MARKS[check.status]
    parts: list[Content | tuple[str, str]] = [
        (f"{mark:<5}", _STYLES[check.status]),
        (f"{one_line(check.name, 40)}: ", "bold"),
        Content(one_line(check.message, 600)),
    ]
    if check.fix:
        parts.append(Content(f"\n      → {one_line(check.fix, 600)}"))
    return Content.assemble(*parts)
