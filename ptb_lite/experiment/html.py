"""An experiment's report with its four figures drawn, as one HTML file that needs no network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ptb_lite.errors import PtbLiteError
from ptb_lite.experiment.figures import Figure, figures
from ptb_lite.experiment.report import ExperimentReport, report_lines
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
        report=report, plots=plots(report), lines=list(report_lines(report)), width=WIDTH
    )


def plots(report: ExperimentReport) -> list[Plot]:
    """The figures, in units of the drawing."""
    return [_plot(figure) for figure in figures(report)]


def _plot(figure: Figure) -> Plot:
    scale = (WIDTH - LEFT - RIGHT) / (figure.high - figure.low)

    def x(value: float) -> float:
        return LEFT + scale * (value - figure.low)

    marks = tuple(
        Mark(
            kind=value.kind,
            label=value.label,
            y=ROW * row + ROW / 2,
            x=x(value.mean),
            low=None if value.low is None else x(value.low),
            high=None if value.high is None else x(value.high),
            text=value.text,
        )
        for row, value in enumerate(figure.values)
    )
    ticks = tuple((x(value), f"{100 * value:.0f}") for value in figure.ticks)
    return Plot(figure.title, figure.note, ROW * len(marks) + 22, x(0.0), marks, ticks)
