"""A field of one line that loses no paste without a word."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from ptb_lite.text import plural


class LineInput(Input):
    """Of a paste it takes the first line that has something, as much of it as fits, and says what
    it left out; Textual's own takes nothing of what is too long."""

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        # The base class would paste it a second time.
        event.prevent_default()
        lines = [line for line in event.text.splitlines() if line.strip()]
        if not lines:
            return
        start, end = sorted(self.selection)
        kept = len(self.value) - (end - start)
        room = len(lines[0]) if self.max_length is None else max(0, self.max_length - kept)
        self.replace(lines[0][:room], start, end)
        left = []
        if len(lines[0]) > room:
            left.append(f"{plural(len(lines[0]) - room, 'character')} too many")
        if len(lines) > 1:
            left.append(f"{plural(len(lines) - 1, 'more line')} left out")
        if left:
            self.notify(f"Pasted; {', '.join(left)}.", markup=False)
