"""A list of things to choose from, one or several; what is chosen has a mark, not a colour only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import ClassVar

from rich.cells import cell_len
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


# Cells that say why a line has its mark: they have its colour.
_BAD_CELLS = frozenset({"no", "big", "no data", "judge", "missing"})
_BOX = 5
_NAME = 14
_FOLD = "fold:"


class ChoiceList(OptionList):
    """Space or Enter chooses what is highlighted; of several, again takes it away.

    A line begins with what is chosen and a letter: ! something must be done first, x not on this
    machine; its cells stand in columns below `headings` where there is room. Lines of a group are
    folded away until its own line is chosen. `several` lets more than one be chosen.
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
        """A line is highlighted in the list that has the focus: its details are wanted.

        It says in which list; the line is asked for when the message is read, since what is known
        of it may have changed meanwhile.
        """

        def __init__(self, choice_list: ChoiceList) -> None:
            super().__init__()
            self.choice_list = choice_list

    def __init__(self, title: str, *, several: bool, id: str, headings: Sequence[str] = ()) -> None:  # noqa: A002
        super().__init__(id=id, compact=True, markup=False)
        self.border_title = self._title = title
        self._several = several
        self._headings = headings
        self._entries: tuple[ListLine, ...] = ()
        self._seen: tuple[ListLine, ...] = ()
        self._picked: frozenset[str] = frozenset()
        self._open: frozenset[str] = frozenset()

    def show_lines(self, lines: Sequence[ListLine], chosen: Collection[str]) -> None:
        """Show these lines; the highlight stays on the line where it was."""
        shown, picked = tuple(lines), frozenset(chosen)
        if (shown, picked) != (self._entries, self._picked):
            self._entries, self._picked = shown, picked
            self._draw()

    def redraw(self) -> None:
        """The same lines in another width."""
        if self._entries:
            self._draw()

    @property
    def pointed(self) -> ListLine | None:
        """The highlighted line."""
        at = self.highlighted
        return None if at is None or at >= len(self._seen) else self._seen[at]

    def on_option_list_option_selected(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        name = message.option_id
        if name is None:
            return
        if name.startswith(_FOLD):
            self._open ^= {name.removeprefix(_FOLD)}
            self._draw()
        else:
            self.post_message(self.Chosen(self, name))

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        self._point()

    def on_focus(self) -> None:
        self._point()

    def on_resize(self) -> None:
        self.redraw()

    def _draw(self) -> None:
        before = self.pointed.id if self.pointed else None
        same_as = [line.id for line in self._seen]
        self._seen = tuple(self._unfolded())
        widths = self._columns()
        self._head(widths)
        prompts = [self._prompt(line, widths) for line in self._seen]
        if [line.id for line in self._seen] == same_as:
            for index, prompt in enumerate(prompts):
                self.replace_option_prompt_at_index(index, prompt)
            return
        self.set_options(
            Option(prompt, id=line.id) for prompt, line in zip(prompts, self._seen, strict=True)
        )
        ids = [line.id for line in self._seen]
        if before in ids:
            self.highlighted = ids.index(before)
        else:
            first = next((i for i, name in enumerate(ids) if name in self._picked), 0)
            self.highlighted = first if ids else None

    def _unfolded(self) -> Iterator[ListLine]:
        """The lines of no group, then each group's own line, and its lines where it is open."""
        groups: dict[str, list[ListLine]] = {}
        for line in self._entries:
            if line.group:
                groups.setdefault(line.group, []).append(line)
            else:
                yield line
        for name, lines in groups.items():
            chosen = [line for line in lines if line.id in self._picked]
            is_open = name in self._open
            what = f"{name}: {', '.join(line.id for line in lines)}. Space folds them out."
            arrow = "▾" if is_open else "▸"
            yield ListLine(f"{_FOLD}{name}", "ok", "", what, (f"{arrow} {name} ({len(lines)})",))
            yield from lines if is_open else chosen

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _columns(self) -> tuple[int, ...]:
        """The cells' widths; none where they leave the names no room."""
        lines = [line for line in self._seen if not line.id.startswith(_FOLD)]
        count = max((len(line.cells) for line in lines), default=0)
        widths = tuple(
            max(cell_len(each) for each in (*self._headings[at : at + 1], *_column(lines, at)))
            for at in range(count)
        )
        longest = max((cell_len(line.id) for line in lines), default=0)
        needed = _BOX + min(longest, _NAME) + sum(widths) + len(widths)
        return widths if self._width >= needed else ()

    def _head(self, widths: tuple[int, ...]) -> None:
        named = bool(widths and self._headings)
        words = (f"{h:>{w}}" for h, w in zip(self._headings, widths, strict=False))
        heads = " ".join(words) if named else ""
        # The border keeps two cells at either end, and there are four blanks.
        gap = self.outer_size.width - cell_len(self._title) - cell_len(heads) - 8
        filled = f"{self._title} {'─' * gap} {heads}"
        self.border_title = filled if heads and gap > 0 else self._title

    def _point(self) -> None:
        if self.has_focus and self.pointed is not None:
            self.post_message(self.Pointed(self))

    def _prompt(self, line: ListLine, widths: tuple[int, ...]) -> Content:
        if line.id.startswith(_FOLD):
            return Content.assemble((line.cells[0], "$text-muted"))
        on = line.id in self._picked
        box = ("[x]", "[ ]") if self._several else ("(•)", "( )")
        letter, style = _MARKS[line.mark]
        room = max(4, self._width - _BOX - sum(widths) - len(widths))
        name = one_line(line.id, room)
        parts: list[Content | tuple[str, str]] = [
            Content(box[0] if on else box[1]),
            (f"{letter} ", f"bold {style}"),
            (name + " " * (room - cell_len(name) if widths else 0), "bold" if on else ""),
        ]
        for cell, width in zip(line.cells, widths, strict=False):
            look = style if cell in _BAD_CELLS else "$text-muted"
            parts.append((f" {cell:>{width}}", look))
        return Content.assemble(*parts)


def _column(lines: Sequence[ListLine], at: int) -> list[str]:
    return [line.cells[at] for line in lines if at < len(line.cells)]
