"""Two or more runs side by side: what differs in their choices, their scores, their flags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptb_lite.audit.record import AuditRecord
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.results import read_result
from ptb_lite.files import read_record
from ptb_lite.narrate import severity, verdict_reason
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import BenchmarkScores, Score, Scores
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import duration, percent
from ptb_lite.tui.models.history.rows import said

_SECRET = {"item_salt", "version"}
_MAX_FLAGS = 20


@dataclass(frozen=True)
class CompareLine:
    """One fact of every run; `differs` says whether they are not all the same."""

    label: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class CompareSection:
    title: str
    lines: tuple[CompareLine, ...]


@dataclass(frozen=True)
class CompareView:
    """`notes` say what keeps the scores from being compared."""

    run_ids: tuple[str, ...]
    sections: tuple[CompareSection, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Run:
    folder: RunFolder
    spec: RunSpec | None
    scores: Scores | None
    audit: AuditRecord | None
    items: dict[str, str]


def compare_runs(paths: Sequence[Path]) -> CompareView:
    """Read the runs and set them side by side; what cannot be read shows as "-"."""
    runs = [_read(RunFolder(path)) for path in paths]
    return CompareView(
        run_ids=tuple(run.folder.run_id for run in runs),
        sections=(
            CompareSection("Scores", tuple(_score_lines(runs))),
            CompareSection("Flags", tuple(_flag_lines(runs))),
            CompareSection("Choices that differ", tuple(_spec_lines(runs))),
        ),
        notes=tuple(_notes(runs)),
    )


def _read(folder: RunFolder) -> _Run:
    return _Run(
        folder,
        _or_none(folder.read_spec),
        _or_none(folder.read_scores),
        _or_none(lambda: read_record(folder.audit, AuditRecord)),
        _items(folder),
    )


def _items(folder: RunFolder) -> dict[str, str]:
    """The fingerprint of each benchmark's test items."""
    found: dict[str, str] = {}
    for path in sorted((folder.evaluations / "baseline").glob("zero_shot.*.json")):
        with suppress(PtbLiteError):
            result = read_result(path)
            found[result.benchmark] = f"{result.n} of {result.items_sha256}"
    return found


def _score_lines(runs: Sequence[_Run]) -> list[CompareLine]:
    names: dict[str, None] = {}
    for run in runs:
        names |= (
            dict.fromkeys(each.benchmark for each in run.scores.benchmarks) if run.scores else {}
        )
    lines = []
    for name in names:
        found = [_benchmark(run, name) for run in runs]
        lines += [
            _line(f"{name}: items", found, _n),
            _line(f"{name}: zero-shot", found, lambda each: _score(each.zero_shot)),
            _line(f"{name}: few-shot", found, lambda each: _score(each.few_shot)),
            _line(f"{name}: after, raw", found, lambda each: _score(each.raw)),
            _line(f"{name}: after, counted", found, _counted),
        ]
    scores = [run.scores for run in runs]
    return [
        *lines,
        _line("average, raw", scores, lambda each: percent(each.average.raw)),
        _line("average, counted", scores, lambda each: percent(each.average.counted)),
        _line("agent's time", scores, lambda each: duration(each.time.agent_seconds)),
        _line("agent ended", scores, lambda each: each.time.agent_outcome.value),
    ]


def _flag_lines(runs: Sequence[_Run]) -> list[CompareLine]:
    audits = [run.audit for run in runs]
    kinds: dict[tuple[str, str], None] = {}
    for audit in audits:
        kinds |= dict.fromkeys(_kind(flag) for flag in audit.flags()) if audit else {}
    lines = [
        _line("verdict", audits, lambda each: said(each.verdict.value)),
        _line("why", audits, lambda each: verdict_reason(each.reason)),
    ]
    for kind in list(kinds)[:_MAX_FLAGS]:
        counts = [
            sum(_kind(flag) == kind for flag in audit.flags()) if audit else None
            for audit in audits
        ]
        shown = tuple("-" if count is None else str(count) for count in counts)
        lines.append(CompareLine(f"{kind[0]}: {kind[1]}", shown))
    if len(kinds) > _MAX_FLAGS:
        rest = CompareLine(f"and {len(kinds) - _MAX_FLAGS} more kinds", ("",) * len(runs))
        lines.append(rest)
    return lines


def _spec_lines(runs: Sequence[_Run]) -> list[CompareLine]:
    specs = [_flat(run.spec) if run.spec else None for run in runs]
    names: dict[str, None] = {}
    for spec in specs:
        names |= dict.fromkeys(spec or {})
    lines = (
        CompareLine(name, tuple("-" if spec is None else spec.get(name, "-") for spec in specs))
        for name in names
    )
    return [line for line in lines if line.differs]


def _flat(spec: RunSpec) -> dict[str, str]:
    """The choices as text; of packages and generation each part on its own."""
    flat: dict[str, str] = {}
    for name, value in spec.model_dump(mode="json", exclude=_SECRET).items():
        if isinstance(value, dict):
            flat |= {f"{name} {key}": _text(part) for key, part in value.items()}
        else:
            flat[name] = _text(value)
    return flat


def _notes(runs: Sequence[_Run]) -> list[str]:
    notes = []
    names = {name for run in runs for name in run.items}
    other = [name for name in sorted(names) if len({run.items.get(name) for run in runs}) > 1]
    if other:
        shown = ", ".join(other)
        notes.append(f"Not the same test items of {shown}: read the intervals, not the points.")
    if any(run.scores is None for run in runs):
        notes.append("A run without scores has not ended, or did not get that far.")
    return notes


def _line(label: str, values: Sequence[Any], say: Callable[[Any], str]) -> CompareLine:
    return CompareLine(label, tuple("-" if value is None else say(value) for value in values))


def _benchmark(run: _Run, name: str) -> BenchmarkScores | None:
    found = run.scores.benchmarks if run.scores else ()
    return next((each for each in found if each.benchmark == name), None)


def _n(scores: BenchmarkScores) -> str:
    known = scores.zero_shot or scores.raw
    return "-" if known is None else str(known.n)


def _score(score: Score | None) -> str:
    if score is None:
        return "-"
    return f"{percent(score.score)} [{100 * score.low:.0f} to {100 * score.high:.0f}]"


def _counted(scores: BenchmarkScores) -> str:
    counted = scores.counted
    if counted is None:
        return "-"
    return f"{percent(counted.score)}{f' ({counted.mark})' if counted.mark else ''}"


def _kind(flag: Any) -> tuple[str, str]:
    return (severity(flag), f"{flag.detector} {flag.kind}")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)


def _or_none(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (PtbLiteError, OSError):
        return None
