"""The article's four figures of an experiment, as values: views say where they lie on a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ptb_lite.experiment.report import ArmReport, ExperimentReport, GridRow, Mean, Share

Kind = Literal["raw", "counted", "used", "flagged", "paper"]


@dataclass(frozen=True)
class Value:
    """One arm's mean or share, in [-1, 1], with its interval; `label` is empty where it is the one
    above. Of `kind` paper it is a published figure, which has no interval and no runs here."""

    label: str
    kind: Kind
    mean: float
    low: float | None = None
    high: float | None = None
    n: int | None = None

    @property
    def text(self) -> str:
        """In percent or points."""
        runs = "published" if self.n is None else f"n = {self.n}"
        return f"{100 * self.mean:.1f} ({runs})"


@dataclass(frozen=True)
class Figure:
    """Values over an axis from `low` to `high`; nought lies on it, and `ticks` are round."""

    title: str
    note: str
    values: tuple[Value, ...]
    low: float
    high: float
    ticks: tuple[float, ...]


def figures(report: ExperimentReport) -> tuple[Figure, ...]:
    """Raw against counted with the paper's scores, gain over few-shot, time used, flag rate; one
    without a value is left out."""
    arms = report.arms
    scores = [value for arm in arms for value in _scores(arm, report.grid)]
    marked = any(value.kind == "paper" for value in scores)
    paper = " Marked: published by the paper." if marked else ""
    made = [
        _figure(
            "Score before and after the policy", f"Raw above counted, in percent.{paper}", scores
        ),
        _figure(
            "Counted gain over few-shot",
            "In points; prompting alone stands at 0.",
            [value for arm in arms for value in _mean(arm.arm, "counted", arm.gain)],
        ),
        _figure(
            "Time used of the budget",
            "In percent of the agent's time.",
            [value for arm in arms for value in _mean(arm.arm, "used", arm.used)],
        ),
        _figure(
            "Flag rate",
            "Share of finished runs whose verdict is flagged, in percent.",
            [value for arm in arms for value in _share(arm.arm, arm.flagged)],
        ),
    ]
    return tuple(figure for figure in made if figure is not None)


def _scores(arm: ArmReport, grid: tuple[GridRow, ...]) -> Iterator[Value]:
    ours = [*_mean(arm.arm, "raw", arm.raw)]
    ours += _mean("" if ours else arm.arm, "counted", arm.counted)
    yield from ours
    rows = [row for row in grid if row.arm == arm.arm]
    for row in rows if ours else ():
        of = "" if len(rows) == 1 else f"{row.benchmark}, "
        for line in row.paper:
            yield Value(f"paper: {of}{line.label}", "paper", line.score)


def _mean(label: str, kind: Kind, mean: Mean | None) -> Iterator[Value]:
    if mean is not None:
        yield Value(label, kind, mean.mean, mean.low, mean.high, mean.n)


def _share(label: str, share: Share) -> Iterator[Value]:
    if share.n:
        yield Value(label, "flagged", share.count / share.n, share.low, share.high, share.n)


def _figure(title: str, note: str, values: list[Value]) -> Figure | None:
    if not values:
        return None
    ends = [end for one in values for end in (one.mean, one.low, one.high) if end is not None]
    low, high = min(0.0, *ends), max(0.1, *ends)
    return Figure(title, note, tuple(values), low, high, _steps(low, high))


def _steps(low: float, high: float) -> tuple[float, ...]:
    """Three to seven round values of an axis."""
    step = next(each for each in (0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / each <= 6)
    first = -int(-low / step)
    return tuple(step * at for at in range(first, int(high / step) + 1))
