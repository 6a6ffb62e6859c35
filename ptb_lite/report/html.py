"""The report as one HTML file that needs no network."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ptb_lite.report.data import ReportData, gather
from ptb_lite.report.words import duration, visible
from ptb_lite.runs.atomic import write_text
from ptb_lite.runs.folder import RunFolder

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(run: RunFolder) -> Path:
    """Write `report.html` beside the scores, whole or not at all. Raises PtbLiteError when the
    run's spec or status cannot be read, OSError when the file cannot be written."""
    write_text(run.report, render_html(gather(run)))
    return run.report


def render_html(data: ReportData) -> str:
    """Everything that came from an agent or a file is escaped by the template engine."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    return environment.get_template("report.html.j2").render(data=data)


def _finalize(value: object) -> object:
    """Every value that the template prints; Markup is the template's own output."""
    return value if isinstance(value, Markup) else visible(value)
