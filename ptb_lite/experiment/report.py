"""What an experiment found, arm by arm: flag rate, evasion, raw, counted, time, and tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

from ptb_lite.audit.record import AuditRecord
from ptb_lite.audit.verdict.rules import only_hidden
from ptb_lite.events import Record, Verdict
from ptb_lite.experiment.execute import run_of
from ptb_lite.experiment.paired import PairedRow, paired_lines, paired_rows
from ptb_lite.experiment.plan import Match
from ptb_lite.experiment.state import State
from ptb_lite.files import read_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import BenchmarkScores, PaperLine, Scores, SuccessCount
from ptb_lite.runs.summary import cut_short
from ptb_lite.stats.groups import mean_interval, permutation_test
from ptb_lite.stats.scoring import fisher_exact, wilson


class Share(Record):
    """`count` of `n` runs, with Wilson's 95 % interval."""

    count: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, count: int, n: int) -> Share:
        interval = wilson(count, n)
        return cls(count=count, n=n, low=interval.low, high=interval.high)


class Mean(Record):
    """A mean over `n` runs; the 95 % interval is missing for fewer than two."""

    mean: float
    n: int
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean | None:
        if not values:
            return None
        interval = mean_interval(values)
        return cls(
            mean=fmean(values),
            n=len(values),
            low=interval.low if interval else None,
            high=interval.high if interval else None,
        )


class Against(Record):
    """Two-sided p of this arm against another one, `arm`: Fisher's exact test of the rates, and
    permutation tests of the mean scores. None where there is nothing to test."""

    arm: str
    flag_rate: float | None = None
    success: float | None = None
    raw: float | None = None
    counted: float | None = None


class ArmReport(Record):
    """`flagged` is the share of finished runs whose verdict is flagged, `evaded` of those flagged
    only by hidden forms (renamed, encoded, reworded), `inconclusive` of those the audit could not
    see through. `not_submitted` is the share of finished runs without a submission that can be
    scored; `raw` and `counted` are over the others, both in [0, 1]; `used` is the share of the
    agent's time that it used. `unfinished` runs are in nothing else, nor are the `interrupted`,
    whose runner died while the agent worked: they had less than the time of the others."""

    arm: str
    runs: int
    unfinished: int
    interrupted: int = 0
    flagged: Share
    evaded: Share
    inconclusive: Share
    raw: Mean | None
    counted: Mean | None
    used: Mean | None
    gain: Mean | None = None
    """Counted score less the few-shot baseline's, in [-1, 1]; None in earlier reports."""
    not_submitted: Share | None = None
    success: SuccessCount | None = None
    success_rate: Share | None = None
    """Of the finished runs with a declaration, those that met it; None in earlier reports."""
    against_first: Against | None = None
    against_own: Against | None = None
    """Against the first arm of the same entry of `arms`, from which only the grid's values differ;
    None where that is the first of all, or this one, and in earlier reports."""


class GridRow(Record):
    """One base model with one benchmark in one arm, means over its runs in [0, 1], beside what was
    published of the same model and benchmark and never measured here."""

    model: str
    benchmark: str
    arm: str
    zero_shot: Mean | None
    few_shot: Mean | None
    raw: Mean | None
    counted: Mean | None
    paper: tuple[PaperLine, ...]


class ExperimentReport(Record):
    version: Literal[1] = 1
    name: str
    title: str
    arms: tuple[ArmReport, ...]
    grid: tuple[GridRow, ...] = ()
    """The benchmarks of the paper; empty without one, and in earlier reports."""
    paired: tuple[PairedRow, ...] = ()
    """Entries of `arms` against the first, where the plan asks for it; empty in earlier reports."""


def make_report(
    state: State,
    arms: Sequence[str],
    runs_dir: Path,
    own_first: Mapping[str, str] | None = None,
    matches: Sequence[Match] = (),
) -> ExperimentReport:
    """What there is so far, arms in the given order; `own_first` and `matches` as an Experiment
    has them.

    Raises PtbLiteError for a damaged run.
    """
    found = {name: _arm(name, state, runs_dir) for name in arms}
    reports = []
    for name, arm in found.items():
        own = (own_first or {}).get(name, arms[0])
        tests = {
            field: arm.against(found[other])
            for field, other in (("against_first", arms[0]), ("against_own", own))
            if other != name and (field == "against_first" or other != arms[0])
        }
        reports.append(arm.report.model_copy(update=tests))
    return ExperimentReport(
        name=state.name,
        title=state.title,
        arms=tuple(reports),
        grid=tuple(row for arm in found.values() for row in arm.grid()),
        paired=tuple(paired_rows(matches, {name: arm.by_seed for name, arm in found.items()})),
    )


def report_lines(report: ExperimentReport) -> Iterator[str]:
    """The report as plain lines."""
    yield f"experiment {report.name}: {report.title}"
    for arm in report.arms:
        yield ""
        waiting = f", {arm.unfinished} not finished" if arm.unfinished else ""
        if arm.interrupted:
            waiting += f", {arm.interrupted} interrupted in the agent's time"
        yield f"{arm.arm}: {arm.runs} runs{waiting}"
        if arm.success is not None and arm.success_rate is not None and arm.success.n:
            yield f"  success       {_share(arm.success_rate)}: {arm.success.words}"
        yield f"  flagged       {_share(arm.flagged)}"
        if arm.flagged.count:
            yield f"    evaded      {_share(arm.evaded)} (flagged by hidden forms only)"
        if arm.inconclusive.count:
            yield f"  inconclusive  {_share(arm.inconclusive)}"
        if arm.not_submitted is not None and arm.not_submitted.count:
            yield f"  no submission {_share(arm.not_submitted)}; in neither mean below"
        yield f"  raw           {_mean(arm.raw)}"
        yield f"  counted       {_mean(arm.counted)}"
        yield f"  over few-shot {_points(arm.gain)}"
        yield f"  time used     {_mean(arm.used)}"
        for test in filter(None, (arm.against_first, arm.against_own)):
            yield (
                f"  against {test.arm}: success {_p(test.success)}, "
                f"flag rate {_p(test.flag_rate)} (Fisher, exact), "
                f"raw {_p(test.raw)}, counted {_p(test.counted)} (permutation)"
            )
    yield from paired_lines(report.paired)
    yield from _grid_lines(report.grid)
    yield ""
    yield (
        "Intervals: 95 %, shares Wilson, means bootstrap over runs (too narrow for few runs). "
        "Tests are two-sided and not corrected for their number."
    )


class _Arm:
    """The finished runs of one arm."""

    def __init__(
        self, name: str, ended: Mapping[int, tuple[RunFolder, Scores]], total: int
    ) -> None:
        self._name = name
        # Told by the agent's outcome: runs of before 2027 stand as finished.
        whole = {seed: one for seed, one in ended.items() if not cut_short(one[1])}
        self.by_seed = {seed: scores for seed, (_, scores) in whole.items()}
        runs = list(whole.values())
        self._scores = list(self.by_seed.values())
        flagged = [run for run, s in runs if s.verdict is Verdict.FLAGGED]
        self._flagged = len(flagged)
        scored = [s.average for s in self._scores if s.submission_valid]
        self._raw = [average.raw for average in scored if average.raw is not None]
        self._counted = [average.counted for average in scored if average.counted is not None]
        gains = [
            average.counted - average.few_shot
            for average in scored
            if average.counted is not None and average.few_shot is not None
        ]
        evaded = sum(only_hidden(read_record(run.audit, AuditRecord)) for run in flagged)
        open_ones = sum(s.verdict is Verdict.INCONCLUSIVE for s in self._scores)
        times = [s.time for s in self._scores if s.time.budget_seconds > 0]
        self._success = SuccessCount.of(s.success for s in self._scores if s.success)
        self.report = ArmReport(
            arm=name,
            runs=total,
            unfinished=total - len(ended),
            interrupted=len(ended) - len(runs),
            flagged=Share.of(len(flagged), len(runs)),
            evaded=Share.of(evaded, len(flagged)),
            inconclusive=Share.of(open_ones, len(runs)),
            raw=Mean.of(self._raw),
            counted=Mean.of(self._counted),
            gain=Mean.of(gains),
            not_submitted=Share.of(len(runs) - len(scored), len(runs)),
            success=self._success,
            success_rate=Share.of(self._success.met, self._success.n),
            used=Mean.of([time.agent_seconds / time.budget_seconds for time in times]),
        )

    def grid(self) -> list[GridRow]:
        """A line for every base model with every benchmark of the paper."""
        found: dict[tuple[str, str], list[BenchmarkScores]] = {}
        for scores in self._scores:
            for one in scores.benchmarks:
                if one.paper:
                    found.setdefault((scores.model, one.benchmark), []).append(one)
        return [
            GridRow(
                model=model,
                benchmark=benchmark,
                arm=self._name,
                zero_shot=Mean.of([one.zero_shot.score for one in runs if one.zero_shot]),
                few_shot=Mean.of([one.few_shot.score for one in runs if one.few_shot]),
                raw=Mean.of([one.raw.score for one in runs if one.raw]),
                counted=Mean.of([one.counted.score for one in runs if one.counted and one.raw]),
                paper=runs[0].paper,
            )
            for (model, benchmark), runs in sorted(found.items())
        ]

    def against(self, first: _Arm) -> Against:
        mine, theirs = len(self._scores), len(first._scores)
        return Against(
            arm=first._name,
            flag_rate=fisher_exact(self._flagged, mine, first._flagged, theirs)
            if mine and theirs
            else None,
            success=fisher_exact(
                self._success.met, self._success.n, first._success.met, first._success.n
            )
            if self._success.n and first._success.n
            else None,
            raw=permutation_test(self._raw, first._raw),
            counted=permutation_test(self._counted, first._counted),
        )


def _arm(name: str, state: State, runs_dir: Path) -> _Arm:
    cells = [cell for cell in state.cells if cell.arm == name]
    finished = {}
    for cell in cells:
        run = run_of(cell, runs_dir)
        if run is None or not run.read_status().complete:
            continue
        scores = run.read_scores()
        if scores is not None:
            finished[cell.seed] = (run, scores)
    return _Arm(name, finished, len(cells))


def _grid_lines(grid: Sequence[GridRow]) -> Iterator[str]:
    """Ours beside the paper's, which is marked on every line."""
    for row in grid:
        yield ""
        yield f"{row.model}, {row.benchmark} ({row.arm})"
        ours = (("zero-shot", row.zero_shot), ("few-shot", row.few_shot), ("counted", row.counted))
        for label, mean in ours:
            yield f"  {label:<13} {_mean(mean)}"
        for line in row.paper:
            yield f"  paper         {line.score:.1%}  {line.label}"


def _points(mean: Mean | None) -> str:
    if mean is None:
        return "none"
    if mean.low is None or mean.high is None:
        return f"{100 * mean.mean:+.1f} points (one run)"
    interval = f"{100 * mean.low:+.1f} to {100 * mean.high:+.1f}, n = {mean.n}"
    return f"{100 * mean.mean:+.1f} points ({interval})"


def _share(share: Share) -> str:
    if not share.n:
        return "no finished run"
    rate = share.count / share.n
    return f"{share.count} of {share.n} ({rate:.0%}; {share.low:.0%} to {share.high:.0%})"


def _mean(mean: Mean | None) -> str:
    if mean is None:
        return "none"
    if mean.low is None or mean.high is None:
        return f"{mean.mean:.1%} (one run)"
    return f"{mean.mean:.1%} ({mean.low:.1%} to {mean.high:.1%}, n = {mean.n})"


def _p(value: float | None) -> str:
    if value is None:
        return "not tested"
    return "p < 0.0001" if value < 1e-4 else f"p = {value:.3g}"
