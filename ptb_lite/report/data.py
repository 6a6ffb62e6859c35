"""Everything that a report shows, gathered from a run's folder before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from ptb_lite.audit.record import AuditRecord
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Phase
from ptb_lite.files import read_record
from ptb_lite.narrate import verdict_reason
from ptb_lite.report.recorded import Recorded, read_recorded
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.ledger import Ledger, read_ledger
from ptb_lite.runs.records import (
    Average,
    BenchmarkScores,
    Hosts,
    HubCacheSeen,
    Paired,
    PaperLine,
    Score,
    Scores,
    Status,
)
from ptb_lite.runs.reported import Reported, read_reported
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import duration, percent, plural

# The salt would let a reader draw the test items; it stays with the installation.
_SECRET_FIELDS = {"item_salt", "version", "packages", "revisions"}


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
    """`remark` is why the counted score needs a reader's care, or empty.

    `notes` are sentences about how the scores came about and what they can show; `paper` are
    published figures, to be shown as "paper" and apart from what was measured here.
    """

    title: str
    name: str
    bars: tuple[Bar, ...]
    comparisons: tuple[Comparison, ...]
    remark: str
    notes: tuple[str, ...] = ()
    paper: tuple[PaperLine, ...] = ()


@dataclass(frozen=True)
class ReportData:
    """A report's whole content. `scores` and `audit` are None for a run that did not get there.

    `spec`, `packages`, `revisions` and `limits` are pairs of name and value, `phases` of name and
    seconds; `harness` says what of each was neither the agent's nor generation, and what lay
    between.
    """

    run_id: str
    status: Status
    scores: Scores | None
    audit: AuditRecord | None
    benchmarks: tuple[BenchmarkView, ...]
    average: str
    average_paper: tuple[PaperLine, ...]
    spec: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str], ...]
    revisions: tuple[tuple[str, str], ...]
    phases: tuple[tuple[str, float], ...]
    hosts: Hosts | None = None
    limits: tuple[tuple[str, str], ...] = ()
    hub: HubCacheSeen | None = None
    ledger: Ledger = field(default_factory=Ledger)
    harness: tuple[tuple[str, float], ...] = ()
    recorded: Recorded | None = None
    reported: Reported | None = None
    """Of a run of another harness, what that says."""

    @property
    def harness_text(self) -> str:
        """How much of the run was not its work, by phase; empty where that was not noted."""
        total = sum(seconds for _, seconds in self.harness)
        phases = {name for name, _ in self.phases}
        outside = sum(seconds for name, seconds in self.harness if name not in phases)
        whole = sum(seconds for _, seconds in self.phases) + outside
        if not self.harness or whole <= 0:
            return ""
        parts = ", ".join(
            f"{name} {duration(seconds)}" for name, seconds in self.harness if seconds >= 0.05
        )
        return (
            f"{duration(total)} of {duration(whole)}, {100 * total / whole:.1f} %, went neither to "
            f"the agent nor to generation: {parts or 'nothing to speak of'}"
        )


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
        average_paper=_average_paper(scores) if scores else (),
        spec=tuple((name, _shown(value)) for name, value in chosen.items()),
        packages=tuple(sorted(spec.packages.items())),
        revisions=tuple(sorted((scores.revisions if scores else spec.revisions).items())),
        phases=tuple((end.phase.value, end.seconds) for end in status.phases),
        hosts=_read_hosts(run),
        limits=tuple(limits(spec)),
        hub=read_hub(run),
        ledger=read_ledger(run, spec.benchmarks),
        harness=_harness(scores, status),
        recorded=read_recorded(run),
        reported=read_reported(run),
    )


def _harness(scores: Scores | None, status: Status) -> tuple[tuple[str, float], ...]:
    """What the report phase noted, and that phase itself, none of which is work."""
    if scores is None or not scores.time.harness:
        return ()
    report = [(end.phase.value, end.seconds) for end in status.phases if end.phase is Phase.REPORT]
    return (*scores.time.harness.items(), *report)


def limits(spec: RunSpec) -> Iterator[tuple[str, str]]:
    """What the agent may use, in words: what was chosen, and what holds where nothing was."""
    chosen = f"{spec.memory_gb:g} GB" if spec.memory_gb is not None else ""
    yield "memory", chosen or "nine tenths of the machine's"
    chosen = f"{spec.disk_gb:g} GB" if spec.disk_gb is not None else ""
    yield "disk", chosen or "until it is nearly full"
    yield "processes", f"{spec.max_processes:,}"
    yield "network", spec.network


def read_hub(run: RunFolder) -> HubCacheSeen | None:
    """None for a run from before it was noted, and for a record that cannot be read."""
    try:
        return read_record(run.hub_cache, HubCacheSeen)
    except (PtbLiteError, ValidationError, OSError):
        return None


def score_text(score: Score) -> str:
    """A score is never shown without its count and interval, nor the interval without its method
    where it is not Wilson's."""
    interval = f"95 % interval {100 * score.low:.0f} to {100 * score.high:.0f} %"
    if score.graded:
        return f"{percent(score.score)} (n = {score.n}; {interval}, {score.method})"
    return f"{percent(score.score)} ({score.correct} of {score.n}; {interval})"


def paired_text(test: Paired | None, *, why_not: str = "nothing was scored after") -> str:
    if test is None:
        return f"not tested: {why_not}"
    p_value = "p < 0.0001" if test.p_value < 1e-4 else f"p = {test.p_value:.4f}"
    return (
        f"{100 * test.difference:+.1f} points "
        f"(95 % interval {100 * test.low:+.1f} to {100 * test.high:+.1f}); "
        f"{plural(test.gained, 'item')} gained, {test.lost} lost, {test.test} {p_value}"
    )


def _benchmark(scores: BenchmarkScores) -> BenchmarkView:
    shots = f"few-shot ({scores.num_fewshot} examples)"
    bars = [
        Bar(label, s.score, s.low, s.high, score_text(s), kind)
        for label, kind, s in (
            ("zero-shot", "before", scores.zero_shot),
            (shots, "before", scores.few_shot),
            ("after, raw", "raw", scores.raw),
        )
        if s is not None
    ]
    counted = scores.counted
    if counted is not None and scores.zero_shot is not None:
        interval = f"95 % interval {100 * counted.low:.0f} to {100 * counted.high:.0f} %"
        text = f"{percent(counted.score)} (n = {scores.zero_shot.n}; {interval})"
        if counted.by_audit is not None:
            text += f"; {percent(counted.by_audit)} by the audit's verdict, which was overruled"
        bar = Bar("after, counted", counted.score, counted.low, counted.high, text, "counted")
        bars.append(bar)
    why_not = "not scored" if scores.not_scored else "nothing was scored after"
    return BenchmarkView(
        title=scores.title,
        name=scores.benchmark,
        bars=tuple(bars),
        comparisons=(
            Comparison(
                "after against zero-shot", paired_text(scores.after_vs_zero_shot, why_not=why_not)
            ),
            Comparison(
                "after against few-shot", paired_text(scores.after_vs_few_shot, why_not=why_not)
            ),
        ),
        remark=counted.mark if counted else f"not scored: {scores.not_scored}",
        notes=tuple(_notes(scores)),
        paper=scores.paper,
    )


def headline(scores: Scores) -> str:
    """Why a run has no score, with the reason; empty for one that has."""
    why = scores.submission_reason.removeprefix("nothing submitted: ")
    return f"{scores.no_score} ({why})" if scores.no_score and why else scores.no_score


def verdict_text(scores: Scores) -> str:
    """The verdict in force with its reason; where a person overruled the audit, both."""
    said = scores.overrule
    if said is None:
        return f"{scores.verdict.value} ({verdict_reason(scores.verdict_reason)})"
    return (
        f"{said.verdict.value} by {said.by} on {said.time:%Y-%m-%d} ({said.reason}), overruling "
        f"the audit's {said.audit_verdict.value} ({said.audit_reason})"
    )


def _notes(scores: BenchmarkScores) -> Iterator[str]:
    if scores.not_scored and scores.counted is not None:
        yield f"not all of it is scored: {scores.not_scored}"
    for rule, value in sorted(scores.also.items()):
        yield f"after, raw, by the rule {rule}: {percent(value)} (beside the score, not counted)"
    if scores.held_out:
        yield (
            f"{scores.held_out} items of the test set are the agent's to see or examples, "
            "and are not scored"
        )
    if scores.judge:
        yield f"judged by {scores.judge}"
    if scores.engine.startswith("vllm "):
        yield f"generated by {scores.engine}"
    if scores.baseline_from is not None:
        yield (
            f"the baselines are from the cache, measured {scores.baseline_from:%Y-%m-%d %H:%M} UTC"
        )
    after = scores.raw or scores.zero_shot
    if after is not None:
        yield _power(scores, after)


def _power(scores: BenchmarkScores, after: Score) -> str:
    """How much this many items can say."""
    width = f"with {after.n} items the interval is {100 * (after.high - after.low):.0f} points wide"
    gain = "no gain can be shown"
    if scores.smallest_gain is not None:
        gain = f"a gain of {100 * scores.smallest_gain:.1f} points over zero-shot can be shown"
    needed = ""
    if scores.needed_n is not None:
        needed = f"; the difference that was observed takes {scores.needed_n}"
    return f"{width} and {gain} (power 80 %){needed}"


def _average(average: Average, benchmarks: tuple[BenchmarkScores, ...]) -> str:
    """Empty for one benchmark: its own line says more."""
    if len(benchmarks) < 2:
        return ""
    without = f" without {', '.join(average.missing)} (not scored)" if average.missing else ""
    count = len(benchmarks) - len(average.missing)
    if average.zero_shot is None or average.few_shot is None or average.counted is None:
        return f"No mean: {average.weights}."
    items = sum(
        scores.zero_shot.n
        for scores in benchmarks
        if scores.zero_shot and scores.benchmark not in average.missing
    )
    raw = percent(average.raw) if average.raw is not None else "none"
    return (
        f"Mean of {count} benchmarks{without} with {items} items in all, {average.weights}: "
        f"zero-shot {percent(average.zero_shot)}, few-shot {percent(average.few_shot)}, "
        f"raw {raw}, counted {percent(average.counted)}. Intervals are given by benchmark."
    )


def _average_paper(scores: Scores) -> tuple[PaperLine, ...]:
    """Of one benchmark, its own lines are the same."""
    return scores.average.paper if len(scores.benchmarks) > 1 else ()


def _read_hosts(run: RunFolder) -> Hosts | None:
    """None for a run without a relay, and for a record that cannot be read."""
    if not run.hosts.exists():
        return None
    try:
        return read_record(run.hosts, Hosts)
    except (PtbLiteError, ValidationError, OSError):
        return None


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
