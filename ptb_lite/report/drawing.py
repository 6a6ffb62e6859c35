"""Where the lines of the report's plots lie. Numbers only: what is written is the template's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ptb_lite.report.series import Point
from ptb_lite.report.timeline import RunTimeline
from ptb_lite.runs.ledger import Ledger

# Units of a viewBox that is about as wide as a phone, so that text is as large as it says.
WIDTH = 412.0
_LEFT, _RIGHT = 72.0, 8.0
_ROW = 20.0
_CURVE_HEIGHT, _CURVE_LEFT, _CURVE_FOOT = 150.0, 44.0, 20.0


@dataclass(frozen=True)
class Block:
    """A phase: its row's top, its bar from `x`, `width` wide."""

    name: str
    seconds: float
    y: float
    x: float
    width: float


@dataclass(frozen=True)
class Tick:
    """A moment: across all rows at `x`."""

    kind: str
    text: str
    x: float


@dataclass(frozen=True)
class Timeline:
    height: float
    blocks: tuple[Block, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Curve:
    """`path` is an SVG path; the four figures stand at the ends of the axes."""

    height: float
    path: str
    low: float
    high: float
    first: float
    last: float


def timeline(course: RunTimeline) -> Timeline | None:
    """One row for every phase that began; None where the journal says nothing."""
    if not course.spans or course.seconds <= 0:
        return None
    scale = (WIDTH - _LEFT - _RIGHT) / course.seconds
    blocks = tuple(
        Block(
            name=span.name,
            seconds=span.end - span.begin,
            y=_ROW * row,
            x=_LEFT + scale * span.begin,
            width=max(1.0, scale * (span.end - span.begin)),
        )
        for row, span in enumerate(course.spans)
    )
    ticks = tuple(Tick(mark.kind, mark.text, _LEFT + scale * mark.at) for mark in course.marks)
    return Timeline(_ROW * len(blocks) + 4, blocks, ticks)


def curve(points: Sequence[Point]) -> Curve | None:
    """A line through the points; None for fewer than two."""
    if len(points) < 2:
        return None
    first, last = points[0][0], points[-1][0]
    low, high = min(y for _, y in points), max(y for _, y in points)
    across = (WIDTH - _CURVE_LEFT - _RIGHT) / ((last - first) or 1.0)
    up = (_CURVE_HEIGHT - _CURVE_FOOT - 8) / ((high - low) or 1.0)
    foot = _CURVE_HEIGHT - _CURVE_FOOT
    places = (
        f"{_CURVE_LEFT + across * (x - first):.1f} {foot - up * (y - low):.1f}" for x, y in points
    )
    return Curve(_CURVE_HEIGHT, "M" + "L".join(places), low, high, first, last)


@dataclass(frozen=True)
class Bar:
    """A training on the axis; `kind` is its outcome."""

    kind: str
    text: str
    x: float
    width: float


@dataclass(frozen=True)
class Dot:
    """A score on the axis; `y` is its height."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class LedgerPlot:
    """`best` is the SVG path of the best-so-far curve; `low` and `high` are the dots' scores."""

    height: float
    bars: tuple[Bar, ...]
    dots: tuple[Dot, ...]
    best: str
    ticks: tuple[Tick, ...]
    low: float
    high: float
    seconds: float


def ledger_plot(ledger: Ledger) -> LedgerPlot | None:
    """Trainings, dev scores and changes of final_model/ over the agent's time; None without any."""
    if ledger.empty:
        return None
    scale = (WIDTH - _LEFT - _RIGHT) / max(ledger.seconds, 1e-9)
    scored = [(use, use.mean) for use in ledger.uses if use.mean is not None]
    means = [mean for _, mean in scored] or [0.0]
    low, high = min(means), max(means)
    up = (_CURVE_HEIGHT - 2 * _CURVE_FOOT - 8) / ((high - low) or 1.0)
    foot = _CURVE_HEIGHT - _CURVE_FOOT

    def x(seconds: float) -> float:
        return _LEFT + scale * min(max(0.0, seconds), ledger.seconds)

    def y(mean: float) -> float:
        return foot - up * (mean - low)

    bars = tuple(
        Bar(
            each.outcome,
            each.command or f"{each.outcome}: {each.rows} rows of {each.file}",
            x(each.began),
            max(1.0, x(ledger.seconds if each.ended is None else each.ended) - x(each.began)),
        )
        for each in ledger.trainings
    )
    steps = "".join(f"H{x(at):.1f}V{y(mean):.1f}" for at, mean in ledger.best[1:])
    start = ledger.best[0] if ledger.best else None
    best = f"M{x(start[0]):.1f} {y(start[1]):.1f}{steps}H{WIDTH - _RIGHT}" if start else ""
    return LedgerPlot(
        height=_CURVE_HEIGHT,
        bars=bars,
        dots=tuple(Dot(f"{use.model}: {mean:.1%}", x(use.at), y(mean)) for use, mean in scored),
        best=best,
        ticks=tuple(Tick("submission", "final_model/", x(c.seconds)) for c in ledger.changes),
        low=low,
        high=high,
        seconds=ledger.seconds,
    )
