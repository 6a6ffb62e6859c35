"""What `ls` and `show` say of a run, from its files alone: a damaged run is shown, not refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ptb_lite.errors import PtbLiteError
from ptb_lite.files import read_record
from ptb_lite.report.data import read_hub
from ptb_lite.report.recorded import read_recorded
from ptb_lite.report.text import report_text
from ptb_lite.runs.archive import read_imported
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Hosts, Notes, Status
from ptb_lite.runs.reported import read_reported
from ptb_lite.runs.summary import RunSummary, run_state
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import one_line, percent, visible

_SECRET = {"item_salt"}
_MAX_NAMED = 8


def line_cells(run: RunSummary) -> tuple[str, ...]:
    """The cells of `ls`."""
    scored = bool(run.verdict)
    counted = run.no_score or percent(run.counted, "not scored")
    return (
        run.run_id,
        run.name or "-",
        run.state,
        run.model,
        run.backend,
        percent(run.few_shot, "not scored") if scored else "-",
        counted if scored else "-",
        run.verdict or "-",
    )


def line_json(run: RunSummary) -> dict[str, Any]:
    """The same for a program; scores are fractions in [0, 1]."""
    known = run.model != "?"
    return {
        "run_id": run.run_id,
        "name": run.name or None,
        "tags": list(run.tags),
        "note": run.note,
        "folder": str(run.path),
        "state": run.state,
        "model": run.model if known else None,
        "agent": run.backend if known else None,
        "benchmarks": list(run.benchmarks) if known else None,
        "few_shot": run.few_shot,
        "counted": run.counted,
        "outcome": run.outcome or None,
        "verdict": run.verdict or None,
        "success": run.success.told if run.success else None,
        "source": run.source or None,
        "reported": run.reported,
    }


def detail_json(run: RunFolder) -> dict[str, Any]:
    """Everything `show --json` prints; the installation's secret is left out."""
    spec, status, scores = (
        _or_none(read) for read in (run.read_spec, run.read_status, run.read_scores)
    )
    hub, reported, recorded = read_hub(run), read_reported(run), read_recorded(run)
    return {
        "run_id": run.run_id,
        "folder": str(run.path),
        "state": run_state(run, status),
        "spec": spec.model_dump(mode="json", exclude=_SECRET) if spec else None,
        "status": status.model_dump(mode="json") if status else None,
        "scores": scores.model_dump(mode="json") if scores else None,
        "recorded": asdict(recorded) if recorded else None,
        "hub_cache": hub.model_dump(mode="json") if hub else None,
        "reported": reported.model_dump(mode="json") if reported else None,
    }


def describe(run: RunFolder) -> Iterator[str]:
    """The lines of `show`."""
    spec: RunSpec | None = _or_none(run.read_spec)
    status: Status | None = _or_none(run.read_status)
    yield f"run        {run.run_id}"
    notes = _or_none(run.read_notes) or Notes()
    if notes.name:
        yield f"name       {visible(one_line(notes.name, 60))}"
    if notes.tags:
        yield f"tags       {visible(one_line(', '.join(notes.tags), 300))}"
    if notes.note:
        yield f"note       {visible(one_line(notes.note, 2000))}"
    yield f"folder     {run.path}"
    if (origin := read_imported(run)) is not None:
        yield visible(f"imported   {origin.time:%Y-%m-%d} from {one_line(origin.host, 60)}")
    detail = f": {status.detail}" if status and status.detail else ""
    yield f"state      {run_state(run, status)}{detail}"
    if spec:
        yield from _choices(spec)
    yield from _hosts(run)
    yield from _recorded(run)
    yield from _hub(run)
    if status:
        for end in status.phases:
            detail = f"  {end.detail}" if end.detail else ""
            yield f"  {end.phase:<9} {end.outcome:<14} {end.seconds:8.1f} s{detail}"
    if (reported := read_reported(run)) is not None:
        yield ""
        yield from reported.lines()
    if _or_none(run.read_scores):
        yield ""
        yield from (_or_none(lambda: report_text(run)) or "its report cannot be made").splitlines()


def _choices(spec: RunSpec) -> Iterator[str]:
    yield f"preset     {spec.preset or '-'}"
    yield f"model      {spec.model}"
    yield f"agent      {spec.agent}" + (f" with {spec.agent_model}" if spec.agent_model else "")
    yield f"benchmarks {', '.join(spec.benchmarks)}"
    yield f"budget     {spec.budget_minutes:g} min, seed {spec.seed}"
    yield f"rules      policy {spec.policy}, disclosure {spec.disclosure}, feedback {spec.feedback}"
    yield f"isolation  {spec.sandbox}, network {spec.network}"
    if limits := _limits(spec):
        yield f"limits     {limits}"


def _limits(spec: RunSpec) -> str:
    """The limits that were chosen."""
    chosen = [("memory", spec.memory_gb), ("disk", spec.disk_gb)]
    return ", ".join(f"{name} {value:g} GB" for name, value in chosen if value is not None)


def _hosts(run: RunFolder) -> Iterator[str]:
    """Which hosts the agent asked for, the refused ones first."""
    hosts: Hosts | None = _or_none(lambda: read_record(run.hosts, Hosts))
    if hosts is None:
        return
    for allowed, word in ((False, "refused"), (True, "reached")):
        named = [f"{each.host}:{each.port}" for each in hosts.hosts if each.allowed is allowed]
        if named:
            yield visible(f"{word}    {_some(named)}")


def _recorded(run: RunFolder) -> Iterator[str]:
    """What was recorded of the agent's processes and files."""
    found = read_recorded(run)
    if found is None:
        return
    yield visible(f"recorded   {found.summary}")
    for line in (*found.problems, *found.trainings):
        yield visible(f"           {one_line(line, 600)}")


def _hub(run: RunFolder) -> Iterator[str]:
    """What the agent was shown of this person's Hub cache, and what it downloaded itself."""
    hub = read_hub(run)
    if hub is None:
        return
    if hub.choice == "shared":
        yield f"hub cache  shared: {len(hub.shown)} shown, {len(hub.held_back)} held back"
        for reason in dict.fromkeys(one.reason for one in hub.held_back):
            names = [one.name for one in hub.held_back if one.reason == reason]
            yield visible(f"held back  {_some(names)}: {reason}")
    if hub.downloaded:
        yield visible(f"downloaded {_some([one.name for one in hub.downloaded])}")


def _some(names: list[str]) -> str:
    """The first of some names, each once."""
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - _MAX_NAMED} more" if len(unique) > _MAX_NAMED else ""
    return f"{', '.join(unique[:_MAX_NAMED])}{more}"


def _or_none(read: Any) -> Any:
    try:
        return read()
    except (PtbLiteError, OSError):
        return None
