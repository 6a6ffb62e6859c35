"""Asks for words: a preset's name; a run's name, tags and note; a verdict and its reason; a judge;
the file of an experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, Select, Static

from ptb_lite.tui.text import one_line
from ptb_lite.tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from ptb_lite.runs.records import Notes

_TAGS, _TAG = 20, 40


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


class AskLineScreen(ModalScreen[str | None]):
    """Asks for one line; its result is what was typed, or None where nothing was."""

    CSS_PATH = "../styles/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "Back")]

    def __init__(self, title: str, words: str, *, hint: str, value: str = "") -> None:
        super().__init__()
        self._title, self._words, self._hint, self._value = title, words, hint, value

    def compose(self) -> ComposeResult:
        with Vertical(id="ask-line") as box:
            box.border_title = Content(self._title)
            yield Static(Content(f"{self._words} Enter goes on, Escape goes back."))
            yield LineInput(
                self._value, placeholder=self._hint, max_length=1000, id="ask-line-text"
            )

    @on(Input.Submitted)
    def _given(self, message: Input.Submitted) -> None:
        if message.value.strip():
            self.dismiss(message.value.strip())


class NotesScreen(ModalScreen["Notes | None"]):
    """Its result is what was typed, or None where the person thought better of it."""

    CSS_PATH = "../styles/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back"),
        Binding("enter", "keep", "Keep", priority=True),
    ]

    def __init__(self, run_id: str, notes: Notes) -> None:
        super().__init__()
        self._run_id, self._notes = run_id, notes

    def compose(self) -> ComposeResult:
        with Vertical(id="notes") as box:
            box.border_title = Content(one_line(self._run_id))
            yield Label("Name")
            yield LineInput(self._notes.name, id="notes-name", max_length=60)
            yield Label("Tags, with commas between them")
            yield LineInput(", ".join(self._notes.tags), id="notes-tags", max_length=500)
            yield Label("Note")
            yield LineInput(self._notes.note, id="notes-note", max_length=2000)
        yield Footer()

    def action_keep(self) -> None:
        from ptb_lite.runs.records import Notes  # Setup's first frame does not wait for it

        typed = {
            name: self.query_one(f"#notes-{name}", Input).value.strip()
            for name in ("name", "tags", "note")
        }
        tags = (tag.strip().removeprefix("#")[:_TAG] for tag in typed["tags"].split(","))
        kept = tuple(dict.fromkeys(tag for tag in tags if tag))[:_TAGS]
        self.dismiss(Notes(name=typed["name"], tags=kept, note=typed["note"]))


class OverruleScreen(ModalScreen[tuple[str, str] | None]):
    """Its result is the verdict and the reason, or None where the person thought better of it."""

    CSS_PATH = "../styles/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, verdict: str) -> None:
        """`verdict` is the one that stands."""
        super().__init__()
        self._verdict = verdict

    def compose(self) -> ComposeResult:
        other = "clean" if self._verdict == "flagged" else "flagged"
        with Vertical(id="overrule") as box:
            box.border_title = Content(f"Your verdict in place of {one_line(self._verdict)}")
            yield Static(Content("Both stay, with the counted scores of both, in every report."))
            choices = [(word, word) for word in ("clean", "flagged")]
            yield Select(choices, value=other, allow_blank=False, id="overrule-verdict")
            yield Label("Why; it stands in every report. Enter puts it in place.")
            yield LineInput(max_length=2000, id="overrule-reason")
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#overrule-reason").focus()

    @on(Input.Submitted)
    def _given(self, message: Input.Submitted) -> None:
        verdict = self.query_one("#overrule-verdict", Select).value
        if message.value.strip() and isinstance(verdict, str):
            self.dismiss((verdict, message.value.strip()))
