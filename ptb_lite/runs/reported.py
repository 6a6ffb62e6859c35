"""What another harness says of a run that was made there: the content of reported.json."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import Field, ValidationError

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Record
from ptb_lite.files import read_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.text import duration, one_line, percent, visible


class Reported(Record):
    """A run of another harness. Nothing here was measured by ptb-lite."""

    version: Literal[1] = 1
    source: str
    """The harness."""
    folder: str
    """The name of its result."""
    time: datetime
    """When it was imported."""
    score: float | None = None
    """The headline, in [0, 1]; None where it has none."""
    measure: str = ""
    """What `score` is called there."""
    scores: dict[str, float] = Field(default_factory=dict)
    """Every number of its metrics, as it has them."""
    verdict: Literal["clean", "flagged", ""] = ""
    """What its own judge found; empty: nothing is known."""
    said: tuple[str, ...] = ()
    """Its judge's words."""
    agent_seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_dollars: float | None = None
    left_out: tuple[str, ...] = ()
    """Files that were not copied, with why."""

    @property
    def state(self) -> str:
        """In a word or two, for a list."""
        told = percent(self.score) if self.score is not None else "no score"
        return f"reported by {one_line(self.source, 30)}: {told}"

    def lines(self) -> Iterator[str]:
        """For `show` and the report."""
        yield visible(
            f"reported by {one_line(self.source, 60)} ({one_line(self.folder, 120)}), imported "
            f"{self.time:%Y-%m-%d}; not scored here, and in no comparison with what was"
        )
        if self.score is None:
            yield "  score: none"
        else:
            yield f"  score: {percent(self.score)} ({visible(one_line(self.measure, 60))})"
        others = [(name, value) for name, value in self.scores.items() if name != self.measure]
        if others:
            shown = ", ".join(f"{one_line(name, 40)} {value:g}" for name, value in others[:12])
            yield visible(f"  besides: {shown}")
        for words in self.said[:10]:
            yield visible(f"  its judge: {one_line(words, 200)}")
        if self.agent_seconds is not None:
            yield f"  agent's time: {duration(self.agent_seconds)}"
        if self.input_tokens is not None or self.output_tokens is not None:
            cost = "" if self.cost_dollars is None else f", {self.cost_dollars:.2f} dollars"
            read, wrote = self.input_tokens or 0, self.output_tokens or 0
            yield f"  agent's tokens: {read:,} read, {wrote:,} written{cost}"
        for name in self.left_out[:10]:
            yield visible(f"  not copied: {one_line(name, 200)}")


def read_reported(run: RunFolder) -> Reported | None:
    """None for a run that was made by ptb-lite, and for a record that cannot be read."""
    if not run.reported.is_file():
        return None
    try:
        return read_record(run.reported, Reported)
    except (PtbLiteError, ValidationError, OSError):
        return None
