"""An experiment's report with the article's four plots, as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ptb_lite.errors import PtbLiteError
from ptb_lite.experiment.report import ArmReport, ExperimentReport, Mean, Share, report_lines
from ptb_lite.files import write_text
from ptb_lite.text import visible

WIDTH, LEFT, RIGHT, ROW = 620.0, 190.0, 60.0, 24.0


@dataclass(frozen=True)
class Mark:
    """A value with its interval, at `y`; the places are in the units of the drawing. `low` and
    `high` are None where one run alone has no interval."""

    kind: str
    label: str
    y: float
    x: float
    low: float | None
    high: float | None
    text: str


@dataclass(frozen=True)
class Plot:
    """Marks over an axis of percent or points; `ticks` are its places and words."""

    title: str
    note: str
    height: float
    zero: float
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]


def write_html(report: ExperimentReport, path: Path) -> None:
    """Whole or not at all. Raises PtbLiteError when the file cannot be written."""
    try:
        write_text(path, render_html(report))
    except OSError as error:
        raise PtbLiteError(f"cannot be written ({error.strerror})", field=str(path)) from error


def render_html(report: ExperimentReport) -> str:
    """Names of arms come from a person's file: escaped, as everything is."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: visible(value) if isinstance(value, str) else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("experiment.html.j2").render(
        report=report, plots=plots(report.arms), lines=list(report_lines(report)), width=WIDTH
    )


def plots(arms: Iterable[ArmReport]) -> list[Plot]:
    """Raw against counted, gain over few-shot, time used, flag rate; one without a value is left
    out."""
    arms = list(arms)
    scores = [
        (arm.arm, kind, mean)
        for arm in arms
        for kind, mean in (("raw", arm.raw), ("counted", arm.counted))
    ]
    made = [
        _plot("Score before and after the policy", "Raw above counted, in percent.", scores),
        _plot(
            "Counted gain over few-shot",
            "In points; prompting alone stands at 0.",
            [(arm.arm, "counted", arm.gain) for arm in arms],
        ),
        _plot(
            "Time used of the budget",
            "In percent of the agent's time.",
            [(arm.arm, "raw", arm.used) for arm in arms],
        ),
        _plot(
            "Flag rate",
            "Share of finished runs whose verdict is flagged, in percent.",
            [(arm.arm, "flagged", _rate(arm.flagged)) for arm in arms],
        ),
    ]
    return [plot for plot in made if plot is not None]


def _rate(share: Share) -> Mean | None:
    if not share.n:
        return None
    return Mean(mean=share.count / share.n, n=share.n, low=share.low, high=share.high)


def _plot(title: str, note: str, rows: list[tuple[str, str, Mean | None]]) -> Plot | None:
    known = [(arm, kind, mean) for arm, kind, mean in rows if mean is not None]
    if not known:
        return None
    ends = [
        value
        for _, _, mean in known
        for value in (mean.mean, mean.low, mean.high)
        if value is not None
    ]
    low, high = min(0.0, *ends), max(0.1, *ends)
    scale = (WIDTH - LEFT - RIGHT) / (high - low)

    def x(value: float) -> float:
        return LEFT + scale * (value - low)

    marks = []
    for row, (arm, kind, mean) in enumerate(known):
        label = arm if row == 0 or known[row - 1][0] != arm else ""
        marks.append(
            Mark(
                kind=kind,
                label=label,
                y=ROW * row + ROW / 2,
                x=x(mean.mean),
                low=None if mean.low is None else x(mean.low),
                high=None if mean.high is None else x(mean.high),
                text=f"{100 * mean.mean:.1f} (n = {mean.n})",
            )
        )
    ticks = tuple((x(value), f"{100 * value:.0f}") for value in _steps(low, high))
    return Plot(title, note, ROW * len(marks) + 22, x(0.0), tuple(marks), ticks)


def _steps(low: float, high: float) -> list[float]:
    """Three to seven round values of an axis."""
    step = next(each for each in (0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / each <= 6)
    first = -int(-low / step)
    return [step * at for at in range(first, int(high / step) + 1)]
