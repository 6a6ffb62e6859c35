"""Setup's box on top: can this machine run it, what is in the way, and what it takes."""

from __future__ import annotations

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from ptb_lite.tui.models.setup.lines import Summary
from ptb_lite.tui.models.setup.verdict import CHECKING, Verdict, verdict_rows


class VerdictBox(Widget):
    """As high as its style sheet says, whatever it has to say: nothing below it jumps."""

    def __init__(self) -> None:
        super().__init__(id="verdict")
        self._verdict = Verdict(Summary(()), note=CHECKING)
        self.border_title = Content(CHECKING)

    @property
    def verdict(self) -> Verdict:
        return self._verdict

    def show(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self.border_title = Content(verdict.title)
        for name in ("-yes", "-no", "-warns", "-waits"):
            self.set_class(name == verdict.style, name)
        self.refresh()

    def render(self) -> RenderResult:
        rows = verdict_rows(self._verdict, self.size.width, self.size.height)
        lines = (Content.assemble(*((t, style) for t, style in row if t)) for row in rows)
        return Content("\n").join(lines)
