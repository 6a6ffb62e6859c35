"""Everything that a report shows, gathered from a run's folder before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from ptb_lite.audit.record import AuditRecord
from ptb_lite.errors import PtbLiteError
from ptb_lite.runs.atomic import read_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Average, BenchmarkScores, Paired, Scores, Status

# The salt would let a reader draw the test items; it stays with the installation.
_SECRET_FIELDS = {"item_salt", "version", "packages"}


@dataclass(frozen=True)
class Bar:
    """One score to draw: fractions in [0, 1]. `text` says it in words, with n and interval."""

    label: str
    score: float
    low: float
    high: float
    text: str
    kind: str


@dataclass(frozen=True)
class Comparison:
    """One paired test in words."""

    label: str
    text: str


@dataclass(frozen=True)
class BenchmarkView:
    """`remark` is why the counted score needs a reader's care, or empty."""

    title: str
    name: str
    bars: tuple[Bar, ...]
    comparisons: tuple[Comparison, ...]
    remark: str


@dataclass(frozen=True)
class ReportData:
    """A report's whole content. `scores` and `audit` are None for a run that did not get there.

    `spec` and `packages` are pairs of name and value, `phases` of name and seconds.
    """

    run_id: str
    status: Status
    scores: Scores | None
    audit: AuditRecord | None
    benchmarks: tuple[BenchmarkView, ...]
    average: str
    spec: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str], ...]
    phases: tuple[tuple[str, float], ...]


def gather(run: RunFolder) -> ReportData:
    """Read a run. Raises PtbLiteError when its spec or status cannot be read; a run without
    scores or audit is reported as far as it went."""
    spec = run.read_spec()
    status = run.read_status()
    scores = run.read_scores()
    chosen = spec.model_dump(mode="json", exclude=_SECRET_FIELDS)
    return ReportData(
        run_id=run.run_id,
        status=status,
        scores=scores,
        audit=_read_audit(run),
        benchmarks=tuple(_benchmark(item) for item in scores.benchmarks) if scores else (),
        average=_average(scores.average, scores.benchmarks) if scores else "",
        spec=tuple((name, _shown(value)) for name, value in chosen.items()),
        packages=tuple(sorted(spec.packages.items())),
        phases=tuple((end.phase.value, end.seconds) for end in status.phases),
    )


def percent(score: float) -> str:
    return f"{100 * score:.1f} %"


def score_text(score: float, low: float, high: float, correct: int, n: int) -> str:
    """A score is never shown without its count and interval."""
    interval = f"95 % interval {100 * low:.0f} to {100 * high:.0f} %"
    return f"{percent(score)} ({correct} of {n}; {interval})"


def paired_text(test: Paired | None) -> str:
    if test is None:
        return "not tested: nothing was scored after"
    p_value = "p < 0.0001" if test.p_value < 1e-4 else f"p = {test.p_value:.4f}"
    return (
        f"{100 * test.difference:+.1f} points "
        f"(95 % interval {100 * test.low:+.1f} to {100 * test.high:+.1f}); "
        f"{test.gained} items gained, {test.lost} lost, exact McNemar {p_value}"
    )


def _benchmark(scores: BenchmarkScores) -> BenchmarkView:
    shots = f"few-shot ({scores.num_fewshot} examples)"
    bars = [
        Bar(label, s.score, s.low, s.high, score_text(s.score, s.low, s.high, s.correct, s.n), kind)
        for label, kind, s in (
            ("zero-shot", "before", scores.zero_shot),
            (shots, "before", scores.few_shot),
            ("after, raw", "raw", scores.raw),
        )
        if s is not None
    ]
    counted, n = scores.counted, scores.zero_shot.n
    interval = f"95 % interval {100 * counted.low:.0f} to {100 * counted.high:.0f} %"
    text = f"{percent(counted.score)} (n = {n}; {interval})"
    if counted.by_audit is not None:
        text += f"; {percent(counted.by_audit)} by the audit's verdict, which was overruled"
    bars.append(Bar("after, counted", counted.score, counted.low, counted.high, text, "counted"))
    return BenchmarkView(
        title=scores.title,
        name=scores.benchmark,
        bars=tuple(bars),
        comparisons=(
            Comparison("after against zero-shot", paired_text(scores.after_vs_zero_shot)),
            Comparison("after against few-shot", paired_text(scores.after_vs_few_shot)),
        ),
        remark=counted.mark,
    )


def verdict_text(scores: Scores) -> str:
    """The verdict in force with its reason; where a person overruled the audit, both."""
    said = scores.overrule
    if said is None:
        return f"{scores.verdict.value} ({scores.verdict_reason})"
    return (
        f"{said.verdict.value} by {said.by} on {said.time:%Y-%m-%d} ({said.reason}), overruling "
        f"the audit's {said.audit_verdict.value} ({said.audit_reason})"
    )


def _average(average: Average, benchmarks: tuple[BenchmarkScores, ...]) -> str:
    """Empty for one benchmark: its own line says more."""
    if len(benchmarks) < 2:
        return ""
    items = sum(scores.zero_shot.n for scores in benchmarks)
    raw = percent(average.raw) if average.raw is not None else "none"
    return (
        f"Mean of {len(benchmarks)} benchmarks with {items} items in all, {average.weights}: "
        f"zero-shot {percent(average.zero_shot)}, few-shot {percent(average.few_shot)}, "
        f"raw {raw}, counted {percent(average.counted)}. Intervals are given by benchmark."
    )


def _read_audit(run: RunFolder) -> AuditRecord | None:
    if not run.audit.exists():
        return None
    try:
        return read_record(run.audit, AuditRecord)
    except (PtbLiteError, ValidationError, OSError):
        return None  # The scores name the verdict; a damaged audit.json hides its evidence only.


def _shown(value: object) -> str:
    match value:
        case None:
            return "not set"
        case list() | tuple():
            return ", ".join(map(str, value))
        case dict():
            return ", ".join(f"{name} {_shown(inner)}" for name, inner in value.items())
        case _:
            return str(value)
