"""What Setup draws: the box on top, three lists, the fields, and a line of help."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static

from ptb_lite.text import duration, plural
from ptb_lite.tui.models.setup.choices import SetupChoices
from ptb_lite.tui.models.setup.lines import Summary
from ptb_lite.tui.models.setup.verdict import time_bar
from ptb_lite.tui.place import Mode
from ptb_lite.tui.screens.base import PtbScreen
from ptb_lite.tui.screens.setup_fields import (
    SETUP_HELP,
    field_help,
    fields,
    label_of,
    more_fields,
    preset_field,
    setup_fields,
    words_of,
)
from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.choice_list import ChoiceList
from ptb_lite.tui.widgets.verdict_box import VerdictBox

if TYPE_CHECKING:
    from ptb_lite.tui.models.setup.actions import SetupFacts


class SetupView(PtbScreen):
    """Shows `_facts`, `_choices` and `_summary` as they are; changing them is the screen's."""

    MODE: ClassVar[Mode] = "setup"
    CSS_PATH = "../styles/setup.tcss"
    HELP = SETUP_HELP

    def __init__(self) -> None:
        super().__init__()
        self._facts: SetupFacts | None = None
        # The defaults come with the fields: the first frame shows none.
        self._choices = SetupChoices(typed={})
        self._summary = Summary(())
        self._pointed = ("", "")

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="setup-top"):
            yield Static("Preset", classes="field-label")
            yield Container(id="setup-preset")
            yield Static("", id="setup-presets")
            yield Button("Start", id="start", variant="success", disabled=True, compact=True)
        yield VerdictBox()
        with VerticalScroll(id="setup-body", can_focus=False):
            with Horizontal(id="setup-lists"):
                headings = ("GB", "speed")
                yield ChoiceList("Base model", several=False, id="models", headings=headings)
                yield ChoiceList("Agent", several=False, id="agents")
                yield ChoiceList("Benchmarks", several=True, id="benchmarks")
                yield VerticalScroll(Static("", id="facts"), id="setup-facts", can_focus=False)
            yield Container(id="setup-fields", classes="setup-grid")
            yield Container(id="setup-more")
        with Container(id="setup-bottom"):
            yield Static(Content("Reading the catalogue …"), id="setup-detail")
            yield Static("", id="setup-command")

    def help_text(self) -> str:
        """What the focused field is for, what is in the way, and what the screen is for."""
        parts = [super().help_text()]
        box = self.query_one(VerdictBox).verdict
        if box.ways:
            parts.insert(0, f"{box.title}\n{box.whole()}\n")
        name = _choice_of(self.focused)
        if name is not None:
            parts.insert(0, f"{label_of(name)}: {field_help(name)}\n")
        return "\n".join(parts)

    def on_choice_list_pointed(self, message: ChoiceList.Pointed) -> None:
        line = message.choice_list.pointed
        if line is not None:
            self._detail(line.id.removeprefix("fold:"), line.detail)

    def on_descendant_focus(self) -> None:
        """The focused field says what it is for."""
        name = _choice_of(self.focused)
        if name is not None:
            self._detail(label_of(name), field_help(name))

    def _detail(self, name: str, words: str) -> None:
        self._pointed = (name, words)
        shown = Content.assemble((f"{one_line(name)}  ", "bold"), one_line(words, 900))
        self.query_one("#setup-detail", Static).update(shown)
        self._show_facts()

    def _show_facts(self) -> None:
        """Where there is room: the focused thing in full, what the run takes, and its time."""
        if not self.has_class("-wide"):
            return
        name, words = self._pointed
        # Its own width may not be known yet, and a scrollbar takes two.
        cells = self.query_one("#setup-facts").content_size.width - 2
        bar = time_bar(self._summary.times, cells if cells >= 10 else 30)
        parts = " · ".join(f"{p.name} {duration(p.seconds)}" for p in self._summary.times)
        shown = [Content.assemble((f"{one_line(name)}\n", "bold"), f"{one_line(words, 2000)}\n\n")]
        if bar:
            shown.append(Content.assemble((bar, "$text-primary"), f"\n{parts}\n\n"))
        shown += [
            Content.assemble((f"{word}  ", "bold"), f"{one_line(text, 600)}\n")
            for word, text in self._summary.lines
        ]
        self.query_one("#facts", Static).update(Content("").join(shown))

    async def _mount_fields(self) -> None:
        self._choices = SetupChoices()
        await self.query_one("#setup-preset").mount(preset_field())
        await self.query_one("#setup-fields").mount(*setup_fields())
        await self.query_one("#setup-more").mount(more_fields())

    def _fill(self, choices: SetupChoices) -> None:
        """Show choices in the fields, without taking that for typing."""
        with self.prevent(Select.Changed, Input.Changed):
            for name, choice in fields().items():
                if words_of(choice):
                    self.query_one(f"#choose-{name}", Select).value = choices.text(name)
                else:
                    self.query_one(f"#choose-{name}", Input).value = choices.text(name)

    def _show_lists(self) -> None:
        if self._facts is None:
            return
        chosen = {
            "models": {self._choices.text("model")},
            "agents": {self._choices.text("agent")},
            "benchmarks": set(self._choices.benchmarks),
        }
        for name, lines in self._facts.lines(self._choices).items():
            self.query_one(f"#{name}", ChoiceList).show_lines(lines, chosen[name])

    def _show_command(self, others: int) -> None:
        """The command line, and how many `others` of the presets need a GPU."""
        command = one_line(self._summary.command, 2000) or "-"
        shown = Content.assemble(("Command  ", "bold"), command)
        self.query_one("#setup-command", Static).update(shown)
        need = "needs" if others == 1 else "need"
        words = f"{plural(others, 'other')} {need} a GPU" if others else ""
        self.query_one("#setup-presets", Static).update(Content(words))


def _choice_of(widget: Widget | None) -> str | None:
    """The choice that a control is for."""
    name = (widget.id or "") if widget is not None else ""
    return name.removeprefix("choose-") if name.startswith("choose-") else None
