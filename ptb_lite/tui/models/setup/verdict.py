"""The box on top of Setup: whether this machine can run what is chosen, and what is in the way.

Light: the first frame needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from ptb_lite.text import plural
from ptb_lite.tui.models.setup.lines import Fix, Summary, TimePart
from ptb_lite.tui.text import one_line

if TYPE_CHECKING:
    from ptb_lite.tui.models.setup.problems import SetupProblem

CHECKING = "Checking this machine …"
RUNS = "this machine can run it"
_MARKS = {True: ("! ", "$text-warning"), False: ("✗ ", "bold $text-error")}
_FIX_KEY = "f "
_LEAST = 24


@dataclass(frozen=True)
class Way:
    """A problem, and what the key does about it."""

    problem: SetupProblem
    fix: Fix | None


@dataclass(frozen=True)
class Verdict:
    """`note`, where it is not empty, is said instead: checking, starting, what is wrong."""

    summary: Summary
    ways: tuple[Way, ...] = ()
    note: str = ""

    @property
    def ready(self) -> bool:
        return not self.note and all(way.problem.warns for way in self.ways)

    @property
    def title(self) -> str:
        bad = sum(not way.problem.warns for way in self.ways)
        if bad:
            return f"NO: {plural(bad, 'thing')} in the way (F1: all of it)"
        if self.note:
            return self.note
        if self.ways:
            return f"YES: {RUNS}, but read this first"
        return f"YES: {RUNS}"

    @property
    def style(self) -> str:
        """The box's class."""
        if self.ready:
            return "-warns" if self.ways else "-yes"
        return "-no" if self.ways else "-waits"

    def whole(self) -> str:
        """Every problem in full, with its way out."""
        return "\n".join(way.problem.line for way in self.ways)


def verdict_rows(verdict: Verdict, width: int, rows: int) -> list[list[tuple[str, str]]]:
    """The box's lines: never more than `rows`, none wider than `width` cells."""
    shown = [_figures(verdict.summary.figures)] if verdict.summary.figures else []
    room = max(1, rows - len(shown))
    if not verdict.ways:
        words = [pair for pair in verdict.summary.lines if pair[0] in ("Download", "Engine")]
        return [[(f"{w:<9}", "bold"), (one_line(t, width), "")] for w, t in words[:room]] + shown
    if len(verdict.ways) == 1:
        return _alone(verdict.ways[0], width, room) + shown
    keyed = next((at for at, way in enumerate(verdict.ways) if way.fix), -1)
    told = enumerate(verdict.ways[:room])
    return [*(_line(way, width, key=at == keyed) for at, way in told), *shown]


def time_bar(times: Sequence[TimePart], cells: int) -> str:
    """The parts of the expected time side by side, each with its own filling."""
    whole = sum(part.seconds for part in times)
    if whole <= 0 or cells < 1:
        return ""
    bar, upto = "", 0.0
    for part, filling in zip(times, "░█▒", strict=False):
        upto += part.seconds
        bar += filling * (round(cells * upto / whole) - len(bar))
    return bar


def _alone(way: Way, width: int, rows: int) -> list[list[tuple[str, str]]]:
    """One problem has all the room: wrapped, its key in the last line."""
    if rows == 1:
        return [_line(way, width, key=True)]
    mark, style = _MARKS[way.problem.warns]
    words = one_line(way.problem.text, (rows - 1) * (width - 4)).split()
    lines, line = [], ""
    for word in words:
        if line and cell_len(f"{line} {word}") > width - 2:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    lines = [*lines, line]
    kept = lines[: rows - 1] if way.fix else lines[:rows]
    found = [[(mark if at == 0 else "  ", style), (text, "")] for at, text in enumerate(kept)]
    if way.fix:
        found.append([(f"  {_FIX_KEY}", "bold $text-accent"), (way.fix.text, "")])
    return found


def _line(way: Way, width: int, *, key: bool) -> list[tuple[str, str]]:
    mark, style = _MARKS[way.problem.warns]
    fix = way.fix.text if way.fix else ""
    letter = _FIX_KEY if key and fix else "  " if fix else ""
    room = max(_LEAST, width - 2 - cell_len(fix) - len(letter) - 1)
    said = one_line(way.problem.brief or way.problem.text, room)
    gap = " " * max(1, width - 2 - cell_len(said) - len(letter) - cell_len(fix))
    return [(mark, style), (said, ""), (gap, ""), (letter, "bold $text-accent"), (fix, "")]


def _figures(figures: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    spans: list[tuple[str, str]] = []
    for word, figure in figures:
        careful = figure.endswith(("!", "TOO MUCH", "none"))
        spans.append((f"{word} ", "$text-muted"))
        spans.append((f"{figure}   ", "bold $text-warning" if careful else "bold"))
    return spans
