"""What `ls` and `show` say of a run, from its files alone: a damaged run is shown, not refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.files import read_record
from ptb_lite.report.data import read_hub
from ptb_lite.report.text import report_text
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Hosts, Notes, Scores, Status
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import one_line, percent, visible

_SECRET = {"item_salt"}
_MAX_NAMED = 8


@dataclass(frozen=True)
class Summary:
    """One line of `ls`; what cannot be read is None."""

    run: RunFolder
    spec: RunSpec | None
    status: Status | None
    scores: Scores | None
    state: str
    notes: Notes | None = None

    def row(self) -> tuple[str, ...]:
        """The cells of `ls`."""
        average = self.scores.average if self.scores else None
        return (
            self.run.run_id,
            visible(one_line(self.name or "-", 60)),
            self.state,
            self.spec.model if self.spec else "?",
            self.spec.agent if self.spec else "?",
            percent(average.few_shot, "not scored") if average else "-",
            self._counted(),
            self.scores.verdict.value if self.scores else "-",
        )

    @property
    def name(self) -> str | None:
        return (self.notes.name if self.notes else "") or None

    def _counted(self) -> str:
        if self.scores is None:
            return "-"
        return self.scores.no_score or percent(self.scores.average.counted, "not scored")

    def as_json(self) -> dict[str, Any]:
        """The same for a program; scores are fractions in [0, 1]."""
        average = self.scores.average if self.scores else None
        return {
            "run_id": self.run.run_id,
            "name": self.name,
            "tags": list(self.notes.tags) if self.notes else [],
            "note": self.notes.note if self.notes else "",
            "folder": str(self.run.path),
            "state": self.state,
            "model": self.spec.model if self.spec else None,
            "agent": self.spec.agent if self.spec else None,
            "benchmarks": list(self.spec.benchmarks) if self.spec else None,
            "few_shot": average.few_shot if average else None,
            "counted": average.counted if average else None,
            "outcome": self.scores.outcome if self.scores else None,
            "verdict": self.scores.verdict.value if self.scores else None,
            "success": self.scores.success.told if self.scores and self.scores.success else None,
        }


def summarise(run: RunFolder) -> Summary:
    """Read what can be read of a run."""
    status = _or_none(run.read_status)
    return Summary(
        run=run,
        spec=_or_none(run.read_spec),
        status=status,
        scores=_or_none(run.read_scores),
        state=_state(run, status),
        notes=_or_none(run.read_notes),
    )


def detail_json(run: RunFolder) -> dict[str, Any]:
    """Everything `show --json` prints; the installation's secret is left out."""
    found = summarise(run)
    hub = read_hub(run)
    return {
        "run_id": run.run_id,
        "folder": str(run.path),
        "state": found.state,
        "spec": found.spec.model_dump(mode="json", exclude=_SECRET) if found.spec else None,
        "status": found.status.model_dump(mode="json") if found.status else None,
        "scores": found.scores.model_dump(mode="json") if found.scores else None,
        "hub_cache": hub.model_dump(mode="json") if hub else None,
    }


def describe(run: RunFolder) -> Iterator[str]:
    """The lines of `show`."""
    found = summarise(run)
    yield f"run        {run.run_id}"
    if found.name:
        yield f"name       {visible(one_line(found.name, 60))}"
    if found.notes and found.notes.tags:
        yield f"tags       {visible(one_line(', '.join(found.notes.tags), 300))}"
    if found.notes and found.notes.note:
        yield f"note       {visible(one_line(found.notes.note, 2000))}"
    yield f"folder     {run.path}"
    detail = f": {found.status.detail}" if found.status and found.status.detail else ""
    yield f"state      {found.state}{detail}"
    if found.spec:
        yield from _choices(found.spec)
    yield from _hosts(run)
    yield from _hub(run)
    if found.status:
        for end in found.status.phases:
            detail = f"  {end.detail}" if end.detail else ""
            yield f"  {end.phase:<9} {end.outcome:<14} {end.seconds:8.1f} s{detail}"
    if found.scores:
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


def _state(run: RunFolder, status: Status | None) -> str:
    if status is None:
        return "unreadable"
    if status.state == "ended":
        return status.outcome.value if status.outcome else "ended"
    if run.runner_lives():
        return f"running: {status.phase.value if status.phase else 'starting'}"
    return Outcome.INTERRUPTED.value


def _or_none(read: Any) -> Any:
    try:
        return read()
    except (PtbLiteError, OSError):
        return None
