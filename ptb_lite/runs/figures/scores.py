"""From per-item results to the scores of a benchmark. Pure functions."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ptb_lite.audit.registry import deductions
from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.choices import Inconclusive
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.results import SampleRecord
from ptb_lite.events import Verdict
from ptb_lite.runs.records import (
    BenchmarkScores,
    CountedScore,
    OffTargetScores,
    Paired,
    PaperLine,
    Score,
)
from ptb_lite.stats import graded, scoring

Samples = Sequence[SampleRecord]


@dataclass(frozen=True)
class BenchmarkSamples:
    """The per-item results of one benchmark, all on the same items.

    `after` is None when there was no valid submission. Items without a score make their pass one
    without a score, and `not_scored` says why. `judged`: a judge gives the items points, so that
    they are not just right or wrong.
    """

    benchmark: str
    title: str
    num_fewshot: int
    zero_shot: Samples
    few_shot: Samples
    after: Samples | None
    judged: bool = False
    judge: str = ""
    not_scored: str = ""
    baseline_from: datetime | None = None
    engine: str = ""
    paper: tuple[PaperLine, ...] = ()
    held_out: int = 0
    also: Mapping[str, float] = field(default_factory=dict)


def benchmark_scores(
    samples: BenchmarkSamples,
    *,
    verdict: Verdict,
    policy: str,
    flag_kinds: Sequence[str],
    inconclusive: Inconclusive = "raw",
) -> BenchmarkScores:
    """Scores with intervals, paired tests and the policy applied.

    Raises PtbLiteError when before and after were not scored on the same items: a paired test
    would be meaningless.
    """
    zero_shot = score_of(samples.zero_shot, judged=samples.judged)
    raw = None if samples.after is None else score_of(samples.after, judged=samples.judged)
    counted = None
    if zero_shot is not None and (raw is not None or samples.after is None):
        counted = _counted(zero_shot, raw, verdict, policy, flag_kinds, inconclusive)
    return BenchmarkScores(
        benchmark=samples.benchmark,
        title=samples.title,
        num_fewshot=samples.num_fewshot,
        zero_shot=zero_shot,
        few_shot=score_of(samples.few_shot, judged=samples.judged),
        raw=raw,
        counted=counted,
        after_vs_zero_shot=_paired(samples.zero_shot, samples.after, judged=samples.judged),
        after_vs_few_shot=_paired(samples.few_shot, samples.after, judged=samples.judged),
        paper=samples.paper,
        needed_n=_needed_n(samples),
        smallest_gain=_smallest_gain(samples),
        not_scored=samples.not_scored,
        judge=samples.judge,
        baseline_from=samples.baseline_from,
        engine=samples.engine,
        held_out=samples.held_out,
        also=dict(samples.also),
    )


def off_target_scores(
    benchmark: str,
    title: str,
    *,
    before: Samples,
    after: Samples | None,
    judged: bool = False,
    not_scored: str = "",
) -> OffTargetScores:
    """Scores of a benchmark that was no target, with the paired test; no policy applies.

    Raises PtbLiteError when before and after were not scored on the same items.
    """
    return OffTargetScores(
        benchmark=benchmark,
        title=title,
        before=score_of(before, judged=judged),
        after=None if after is None else score_of(after, judged=judged),
        change=_paired(before, after, judged=judged),
        not_scored=not_scored,
    )


def recount(
    scores: BenchmarkScores, *, verdict: Verdict, policy: str, flag_kinds: Sequence[str]
) -> BenchmarkScores:
    """The same measurements with the policy applied to another verdict.

    The counted score that the audit's verdict gave is kept beside the new one. What was not scored
    stays so.
    """
    before, base = scores.counted, scores.zero_shot
    if before is None or base is None:
        return scores
    counted = _counted(base, scores.raw, verdict, policy, flag_kinds)
    by_audit = before.score if before.by_audit is None else before.by_audit
    return scores.model_copy(update={"counted": counted.model_copy(update={"by_audit": by_audit})})


def has_points(entry: BenchmarkEntry, *passes: Samples) -> bool:
    """Whether items have points, and are not just right or wrong: a judge's, or a metric's."""
    if entry.kind == "lm-eval":
        return any(0 < (sample.score or 0) < 1 for one in passes for sample in one)
    return entry.judge is not None


def score_of(samples: Samples, *, judged: bool = False) -> Score | None:
    """The score with its interval; None when an item has none: a part is not the benchmark."""
    points = _points(samples)
    if points is None:
        return None
    correct = sum(sample.correct for sample in samples)
    interval = graded.mean_interval(points) if judged else scoring.wilson(correct, len(samples))
    return Score(
        n=len(samples),
        correct=correct,
        score=graded.shown_mean(points) if judged else correct / len(samples),
        low=interval.low,
        high=interval.high,
        method=graded.MEAN_INTERVAL if judged else "Wilson",
        graded=judged,
    )


def _points(samples: Samples) -> list[float] | None:
    points = [sample.score for sample in samples if sample.score is not None]
    return points if points and len(points) == len(samples) else None


def _counted(
    base: Score,
    raw: Score | None,
    verdict: Verdict,
    policy: str,
    flag_kinds: Sequence[str],
    inconclusive: Inconclusive = "raw",
) -> CountedScore:
    missing = "no valid submission: counts as the base score" if raw is None else ""
    measured = base if raw is None else raw
    counted = scoring.apply_policy(
        policy, verdict, measured.score, base.score, flag_kinds, deductions(), inconclusive
    )
    if policy == "zero" and counted.score == 0.0 < measured.score:
        # Zero by the policy, not by measurement: it has no error.
        return CountedScore(score=0.0, low=0.0, high=0.0, mark=counted.mark)
    nearest = base if counted.score == base.score and counted.score != measured.score else measured
    shift = counted.score - nearest.score
    return CountedScore(
        score=counted.score,
        low=max(0.0, nearest.low + shift),
        high=min(1.0, nearest.high + shift),
        mark=missing or counted.mark,
    )


def _paired(before: Samples, after: Samples | None, *, judged: bool) -> Paired | None:
    if after is None:
        return None
    was = {sample.item_id: sample for sample in before}
    now = {sample.item_id: sample for sample in after}
    if was.keys() != now.keys():
        raise PtbLiteError("before and after were scored on different items", field="evaluations")
    first, second = _points([was[key] for key in was]), _points([now[key] for key in was])
    if first is None or second is None:
        return None
    test: scoring.PairedTest | graded.GradedTest
    if judged:
        test = graded.paired_means(first, second)
    else:
        test = scoring.mcnemar_exact(
            [was[key].correct for key in was], [now[key].correct for key in was]
        )
    return Paired(
        gained=test.gained,
        lost=test.lost,
        p_value=test.p_value,
        difference=test.difference,
        low=test.interval.low,
        high=test.interval.high,
        test=graded.PAIRED_TEST if judged else "exact McNemar",
    )


def _needed_n(samples: BenchmarkSamples) -> int | None:
    """Items that would show the observed difference; None where there is none to show."""
    changes = _changes(samples)
    if changes is None:
        return None
    if samples.judged:
        return graded.needed_n(changes)
    difference, changed = sum(changes) / len(changes), sum(map(abs, changes)) / len(changes)
    return scoring.needed_n(difference, changed) if difference else None


def _smallest_gain(samples: BenchmarkSamples) -> float | None:
    before = _points(samples.zero_shot)
    if before is None:
        return None
    if not samples.judged:
        correct = sum(sample.correct for sample in samples.zero_shot)
        return scoring.smallest_detectable_gain(len(before), correct / len(before))
    if len(before) < 2:
        return None
    changes = _changes(samples)
    # Before there is an "after", two passes are taken to vary alike and independently.
    spread = statistics.stdev(changes) if changes else statistics.stdev(before) * 2**0.5
    return graded.smallest_gain(len(before), spread) if spread > 0 else None


def _changes(samples: BenchmarkSamples) -> list[float] | None:
    """After minus zero-shot, item by item: the points of judged items, else of right answers."""
    if samples.after is None:
        return None
    first, second = _points(samples.zero_shot), _points(samples.after)
    if first is None or second is None or len(first) != len(second):
        return None
    was = {sample.item_id: sample for sample in samples.zero_shot}
    if samples.judged:
        return [
            (sample.score or 0.0) - (was[sample.item_id].score or 0.0) for sample in samples.after
        ]
    return [float(s.correct) - float(was[s.item_id].correct) for s in samples.after]
