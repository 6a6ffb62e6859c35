"""The agent's trace: readable turns that can be followed, scrolled, folded, searched and copied."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from ptb_lite.tui.models.trace.book import TraceBook
from ptb_lite.tui.models.trace.entries import Entry, TraceFilter
from ptb_lite.tui.models.trace.rows import Row, can_fold

_GUTTER = 1


class TraceView(ScrollView, can_focus=True):
    """Rows of the entries it was last shown.

    While it follows, the newest row is in sight. Scrolled back it holds still, whatever comes,
    until it is told to follow again, or scrolled to its end: `Changed` says how much waits.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "trace--turn",
        "trace--message",
        "trace--reasoning",
        "trace--command",
        "trace--result",
        "trace--error",
        "trace--note",
        "trace--flag",
        "trace--cursor",
        "trace--match",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Entry up", show=False),
        Binding("down,j", "move(1)", "Entry down", show=False),
        Binding("enter", "fold", "Unfold"),
        Binding("home", "first", "First entry", show=False),
        Binding("end,G", "follow", "Newest entry, and follow", show=False),
    ]
    following: var[bool] = var(True, init=False)

    class Changed(Message):
        """Following or not, and how many entries wait to be seen."""

        def __init__(self, *, following: bool, waiting: int) -> None:
            super().__init__()
            self.following = following
            self.waiting = waiting

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  (Textual's name)
        super().__init__(id=id)
        self._book = TraceBook()
        self._all: Sequence[Entry] = ()
        self._newest: Sequence[Entry] = ()
        self.filter = TraceFilter.ALL
        self._cursor: int | None = None
        self._term = ""

    @property
    def entries(self) -> Sequence[Entry]:
        """What is shown."""
        return self._book.entries

    @property
    def current(self) -> Entry | None:
        """The entry under the cursor; while following, the newest one."""
        if self._cursor is None:
            return self._book.entries[-1] if self._book.entries else None
        return self._book.entry(self._cursor)

    @property
    def waiting(self) -> int:
        """Entries that came while it held still."""
        last = self._book.entries[-1].number if self._book.entries else 0
        return len(self._newest) - bisect_right(self._newest, last, key=lambda each: each.number)

    @property
    def standing(self) -> str:
        """Whether it follows the run, and whether there is nothing of the part that it shows."""
        words = "following" if self.following else f"held, {self.waiting} new below (End)"
        if self.filter is TraceFilter.ALL or self.entries:
            return words
        return f"nothing of this kind so far, a shows all · {words}"

    def take_filter(self, chosen: TraceFilter) -> None:
        """Show another part of the trace; the cursor goes to its end."""
        self.filter = chosen
        self._newest = self._kept(self._all)
        self._book.restart(self._newest)
        self._resize()
        self.action_follow()
        self._to_end()

    def _kept(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        if self.filter is TraceFilter.ALL:
            return entries
        return tuple(entry for entry in entries if self.filter.shows(entry))

    def show(self, entries: Sequence[Entry]) -> None:
        """Take the entries as they are now: the last ones of a run, in order."""
        if self._all and entries and entries[-1] is self._all[-1]:
            return
        self._all, self._newest = entries, self._kept(entries)
        if self.following and self.text_selection is None:
            self._take()
        else:
            self.post_message(self.Changed(following=False, waiting=self.waiting))

    def find(self, term: str, *, forward: bool = True) -> str:
        """Go to the next entry that has `term`, in any case; returns what to tell the person."""
        self._term = term.casefold()
        self.refresh()
        found = [e.number for e in self.entries if self._term and self._term in e.text.casefold()]
        if not found:
            return f"nothing has “{term}”" if term else ""
        here = self._cursor if self._cursor is not None else (found[-1] + 1 if not forward else 0)
        if forward:
            goal = next((number for number in found if number > here), found[0])
        else:
            goal = next((number for number in reversed(found) if number < here), found[-1])
        self._set_following(False)
        self._book.open(goal)
        self._resize()
        self._go(goal)
        return f"{found.index(goal) + 1} of {len(found)} with “{term}”"

    def action_move(self, by: int) -> None:
        numbers = [entry.number for entry in self.entries]
        if not numbers:
            return
        at = len(numbers) - 1 if self._cursor is None else bisect_left(numbers, self._cursor) + by
        if at >= len(numbers):
            self.action_follow()
            return
        self._set_following(False)
        self._go(numbers[max(0, at)])

    def action_first(self) -> None:
        if self.entries:
            self._set_following(False)
            self._go(self.entries[0].number)

    def action_follow(self) -> None:
        self._cursor = None
        self._set_following(True)

    def action_fold(self) -> None:
        entry = self.current
        if entry is not None and can_fold(entry, self._width):
            self._cursor = entry.number
            self._book.toggle(entry.number)
            self._resize()
            self._go(entry.number)

    def on_click(self, event: events.Click) -> None:
        number = self._book.number_at(round(self.scroll_y) + event.y)
        if number is None or self.text_selection is not None:
            return
        self._set_following(False)
        self._cursor = number
        self.refresh()
        if event.chain == 2:
            self.action_fold()

    def on_resize(self) -> None:
        if self._width != self._book.width:
            self._book.set_width(self._width)
            self._resize()
        if self.following:
            self._to_end()

    def on_mouse_scroll_up(self) -> None:
        self._hold_when_back()

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """What was scrolled while there was no bar, it would not know."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if new_value < old_value:
            self._hold_when_back()
        elif not self.following and self._cursor is None and self.is_vertical_scroll_end:
            self._set_following(True)

    def watch_following(self, following: bool) -> None:
        if following:
            self._take()
        self.post_message(self.Changed(following=following, waiting=self.waiting))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(row.text for row in self._book.rows)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002
        self.refresh()

    def render_line(self, y: int) -> Strip:
        at = round(self.scroll_y) + y
        width = self.size.width
        base = self.rich_style
        if at >= len(self._book.rows):
            return Strip.blank(width, base)
        row = self._book.rows[at]
        here = row.number == self._cursor
        style = self.get_component_rich_style(f"trace--{row.look}")
        mark_style = self.get_component_rich_style("trace--cursor")
        gutter = Strip([Segment("▌" if here else " ", mark_style)], _GUTTER)
        text = Strip(self._segments(row, at, style)).apply_offsets(0, at)
        return Strip.join([gutter, text]).extend_cell_length(width, base).crop(0, width)

    @property
    def _width(self) -> int:
        return max(1, self.scrollable_content_region.width - _GUTTER)

    def _segments(self, row: Row, at: int, style: Style) -> list[Segment]:
        text = Text(row.text, no_wrap=True, end="")
        text.stylize(style)
        folded = row.text.casefold()
        if self._term and len(folded) == len(row.text):
            match = self.get_component_rich_style("trace--match", partial=True)
            start = folded.find(self._term)
            while start >= 0:
                text.stylize(match, start, start + len(self._term))
                start = folded.find(self._term, start + len(self._term))
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(at)) is not None:
            start, end = span
            marked = self.screen.get_component_rich_style("screen--selection")
            text.stylize(marked, start, len(row.text) if end == -1 else end)
        return list(text.render(self.app.console))

    def _take(self) -> None:
        self._book.show(self._newest)
        self._resize()
        self._to_end()

    def _to_end(self) -> None:
        self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def _resize(self) -> None:
        self.virtual_size = Size(self._book.width, len(self._book.rows))
        self.refresh()

    def _go(self, number: int) -> None:
        """Bring an entry into sight, the cursor on it."""
        self._cursor = number
        first, count = self._book.place(number)
        height = self.scrollable_content_region.height
        top = round(self.scroll_y)
        goal = top
        if first < top or count > height:
            # What stands above it says where one is.
            goal = first - min(height // 3, max(0, height - count))
        elif first + count > top + height:
            goal = first + count - height
        if goal != top:
            self.scroll_to(y=max(0, goal), animate=False, immediate=True, force=True)
        self.refresh()

    def _hold_when_back(self) -> None:
        if self.following and not self.is_vertical_scroll_end:
            self._set_following(False)

    def _set_following(self, following: bool) -> None:
        self.following = following
