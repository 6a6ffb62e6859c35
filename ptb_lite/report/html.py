"""The report as one HTML file that needs no network."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ptb_lite.files import write_text
from ptb_lite.narrate import (
    flag_place,
    flags_count,
    gain_words,
    severity,
    success_words,
    verdict_reason,
)
from ptb_lite.report.data import ReportData, gather, headline
from ptb_lite.report.drawing import curve, ledger_plot, timeline
from ptb_lite.report.ledger_text import ledger_lines
from ptb_lite.report.samples import (
    FEW_SHOT,
    ZERO_SHOT,
    Change,
    Sample,
    Samples,
    read_run_samples,
    sampled,
)
from ptb_lite.report.timeline import RunTimeline, read_timeline
from ptb_lite.runs.folder import RunFolder
from ptb_lite.text import duration, visible

_TEMPLATES = Path(__file__).parent / "templates"
# A report is to be read, on a phone too; the run's folder has all of them.
_MAX_SAMPLES = 60
_SHOWN_FIRST = {Change.GAINED: 0, Change.LOST: 0}


def write_report(run: RunFolder) -> Path:
    """Write `report.html` beside the scores, whole or not at all. Raises PtbLiteError when the
    run's spec or status cannot be read, OSError when the file cannot be written."""
    write_text(run.report, run_html(run))
    return run.report


def run_html(run: RunFolder) -> str:
    """A run's report. Raises PtbLiteError when its spec or status cannot be read."""
    data = gather(run)
    names = sampled(data.scores) if data.scores else ()
    return render_html(data, read_timeline(run), [read_run_samples(run, name) for name in names])


def render_html(data: ReportData, course: RunTimeline, samples: list[Samples]) -> str:
    """Everything that came from an agent or a file is escaped by the template engine."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "verdict_reason": verdict_reason,
        "duration": duration,
        "severity": severity,
        "flags_count": flags_count,
        "flag_place": flag_place,
    }
    return environment.get_template("report.html.j2").render(
        headline=headline(data.scores) if data.scores else "",
        data=data,
        course=course,
        timeline=timeline(course),
        curve=curve(course.curve),
        plot=ledger_plot(data.ledger),
        ledger=[*ledger_lines(data.ledger, data.scores.iterations if data.scores else None)],
        samples=[(part, _chosen(part)) for part in samples if part.items],
        labels=[(ZERO_SHOT, "zero-shot"), (FEW_SHOT, "few-shot"), ("after", "after")],
        before=ZERO_SHOT,
        success=success_words(data.scores.success) if data.scores and data.scores.success else [],
        gains=gain_words(data.scores) if data.scores else [],
    )


def _chosen(samples: Samples) -> list[Sample]:
    """The items that changed first, then the others, as many as are shown."""
    order = sorted(samples.items, key=lambda item: _SHOWN_FIRST.get(item.change(ZERO_SHOT), 1))
    return order[:_MAX_SAMPLES]


def _finalize(value: object) -> object:
    """Every value that the template prints; Markup is the template's own output."""
    return value if isinstance(value, Markup) else visible(value)
