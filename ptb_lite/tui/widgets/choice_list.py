"""A list of things to choose from, one or several; what is chosen has a mark, not a colour only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ptb_lite.tui.models.setup.lines import ListLine, Mark
from ptb_lite.tui.text import one_line

_MARKS: dict[Mark, tuple[str, str]] = {
    "ok": (" ", "$text-success"),
    "warn": ("!", "$text-warning"),
    "bad": ("x", "$text-error"),
    "unknown": (" ", "$text-muted"),
}


class ChoiceList(OptionList):
    """Space or Enter chooses what is highlighted; of several, again takes it away.

    A line begins with what is chosen and a letter: ! something must be done first, x not on this
    machine. `several` lets more than one be chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "select", "Choose", key_display="space"),
    ]

    class Chosen(Message):
        """A person chose a line, or one of several once more."""

        def __init__(self, choice_list: ChoiceList, line_id: str) -> None:
            super().__init__()
            self.choice_list = choice_list
            self.line_id = line_id

        @property
        def control(self) -> ChoiceList:
            return self.choice_list

    class Pointed(Message):
        """A line is highlighted in the list that has the focus: its details are wanted."""

        def __init__(self, line: ListLine) -> None:
            super().__init__()
            self.line = line

    def __init__(self, title: str, *, several: bool, id: str) -> None:  # noqa: A002
        super().__init__(id=id, compact=True, markup=False)
        self.border_title = title
        self._several = several
        self._entries: tuple[ListLine, ...] = ()
        self._picked: frozenset[str] = frozenset()

    def show_lines(self, lines: Sequence[ListLine], chosen: Collection[str]) -> None:
        """Show these lines; the highlight stays on the line where it was."""
        shown, picked = tuple(lines), frozenset(chosen)
        if (shown, picked) == (self._entries, self._picked):
            return
        same = [line.id for line in shown] == [line.id for line in self._entries]
        self._entries, self._picked = shown, picked
        prompts = [self._prompt(line) for line in shown]
        if same:
            for index, prompt in enumerate(prompts):
                self.replace_option_prompt_at_index(index, prompt)
            return
        self.set_options(
            Option(prompt, id=line.id) for prompt, line in zip(prompts, shown, strict=True)
        )
        first = next((i for i, line in enumerate(shown) if line.id in picked), 0)
        self.highlighted = first if shown else None

    @property
    def pointed(self) -> ListLine | None:
        """The highlighted line."""
        return None if self.highlighted is None else self._entries[self.highlighted]

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if message.option_id is not None:
            self.post_message(self.Chosen(self, message.option_id))

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        self._point()

    def on_focus(self) -> None:
        self._point()

    def _point(self) -> None:
        if self.has_focus and self.pointed is not None:
            self.post_message(self.Pointed(self.pointed))

    def _prompt(self, line: ListLine) -> Content:
        on = line.id in self._picked
        box = ("[x]", "[ ]") if self._several else ("(•)", "( )")
        letter, style = _MARKS[line.mark]
        parts: list[Content | tuple[str, str]] = [
            Content(box[0] if on else box[1]),
            (f"{letter} ", f"bold {style}"),
            (one_line(line.id, 64), "bold" if on else ""),
        ]
        if not self.screen.has_class("-narrow") or not self.screen.has_class("-short"):
            parts.append((f"\n     {one_line(line.facts, 120)}", "$text-muted"))
        return Content.assemble(*parts)
