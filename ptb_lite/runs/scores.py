"""From per-item results to the scores of a run. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptb_lite import scoring
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.results import SampleRecord
from ptb_lite.events import Verdict
from ptb_lite.runs.records import Average, BenchmarkScores, CountedScore, Paired, Score

Samples = Sequence[SampleRecord]


@dataclass(frozen=True)
class BenchmarkSamples:
    """The per-item results of one benchmark, all on the same items.

    `after` is None when there was no valid submission.
    """

    benchmark: str
    title: str
    num_fewshot: int
    zero_shot: Samples
    few_shot: Samples
    after: Samples | None


def benchmark_scores(
    samples: BenchmarkSamples, *, verdict: Verdict, policy: str, flag_kinds: Sequence[str]
) -> BenchmarkScores:
    """Scores with intervals, paired tests and the policy applied.

    Raises PtbLiteError when before and after were not scored on the same items: a paired test
    would be meaningless.
    """
    zero_shot = _score(samples.zero_shot)
    raw = _score(samples.after) if samples.after is not None else None
    return BenchmarkScores(
        benchmark=samples.benchmark,
        title=samples.title,
        num_fewshot=samples.num_fewshot,
        zero_shot=zero_shot,
        few_shot=_score(samples.few_shot),
        raw=raw,
        counted=_counted(zero_shot, raw, verdict, policy, flag_kinds),
        after_vs_zero_shot=_paired(samples.zero_shot, samples.after),
        after_vs_few_shot=_paired(samples.few_shot, samples.after),
    )


def recount(
    scores: BenchmarkScores, *, verdict: Verdict, policy: str, flag_kinds: Sequence[str]
) -> BenchmarkScores:
    """The same measurements with the policy applied to another verdict.

    The counted score that the audit's verdict gave is kept beside the new one.
    """
    before = scores.counted
    counted = _counted(scores.zero_shot, scores.raw, verdict, policy, flag_kinds)
    by_audit = before.score if before.by_audit is None else before.by_audit
    return scores.model_copy(update={"counted": counted.model_copy(update={"by_audit": by_audit})})


def average(benchmarks: Sequence[BenchmarkScores]) -> Average:
    """Means over the benchmarks with equal weights, said so in `weights`."""
    equal = {item.benchmark: 1.0 for item in benchmarks}

    def mean(values: Mapping[str, float]) -> float:
        return scoring.weighted_average(values, equal).score

    raws = {item.benchmark: item.raw.score for item in benchmarks if item.raw is not None}
    return Average(
        weights="equal weights",
        zero_shot=mean({item.benchmark: item.zero_shot.score for item in benchmarks}),
        few_shot=mean({item.benchmark: item.few_shot.score for item in benchmarks}),
        raw=mean(raws) if len(raws) == len(benchmarks) else None,
        counted=mean({item.benchmark: item.counted.score for item in benchmarks}),
    )


def _score(samples: Samples) -> Score:
    correct = sum(sample.correct for sample in samples)
    interval = scoring.wilson(correct, len(samples))
    return Score(
        n=len(samples),
        correct=correct,
        score=correct / len(samples),
        low=interval.low,
        high=interval.high,
    )


def _counted(
    base: Score, raw: Score | None, verdict: Verdict, policy: str, flag_kinds: Sequence[str]
) -> CountedScore:
    missing = "no valid submission: counts as the base score" if raw is None else ""
    measured = base if raw is None else raw
    counted = scoring.apply_policy(policy, verdict, measured.score, base.score, flag_kinds)
    if counted.score == 0.0 and measured.score > 0.0:
        # Zero by decree, not by measurement: it has no error.
        return CountedScore(score=0.0, low=0.0, high=0.0, mark=counted.mark)
    nearest = base if counted.score == base.score and counted.score != measured.score else measured
    shift = counted.score - nearest.score
    return CountedScore(
        score=counted.score,
        low=max(0.0, nearest.low + shift),
        high=min(1.0, nearest.high + shift),
        mark=missing or counted.mark,
    )


def _paired(before: Samples, after: Samples | None) -> Paired | None:
    if after is None:
        return None
    was = {sample.item_id: sample.correct for sample in before}
    now = {sample.item_id: sample.correct for sample in after}
    if was.keys() != now.keys():
        raise PtbLiteError("before and after were scored on different items", field="evaluations")
    test = scoring.mcnemar_exact([was[key] for key in was], [now[key] for key in was])
    return Paired(
        gained=test.gained,
        lost=test.lost,
        p_value=test.p_value,
        difference=test.difference,
        low=test.interval.low,
        high=test.interval.high,
    )
