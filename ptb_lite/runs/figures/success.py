"""What the scores of a run come to: success as declared, and how far a gain reaches. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ptb_lite.events import Verdict
from ptb_lite.runs.records import (
    BenchmarkScores,
    OffTarget,
    OffTargetScores,
    Paired,
    Score,
    Success,
    SuccessTerm,
)
from ptb_lite.stats.reach import judge_reach
from ptb_lite.stats.scoring import Interval
from ptb_lite.stats.success import Baseline, Change, Facts, judge


def judge_success(
    declared: str,
    benchmarks: Sequence[BenchmarkScores],
    verdict: Verdict,
    off_target: OffTarget | None = None,
) -> Success:
    """Raises SuccessError for a line that declares nothing."""
    raw: dict[tuple[str, Baseline], Change] = {}
    counted: dict[tuple[str, Baseline], Change] = {}
    for scores in benchmarks:
        pairs: tuple[tuple[Baseline, Paired | None, Score | None], ...] = (
            ("few-shot", scores.after_vs_few_shot, scores.few_shot),
            ("zero-shot", scores.after_vs_zero_shot, scores.zero_shot),
        )
        for base, paired, before in pairs:
            if paired is None or before is None or scores.raw is None:
                continue
            key = (scores.benchmark, base)
            raw[key] = _measured(scores.benchmark, paired, scores.raw.n)
            counted[key] = _counted(scores, raw[key], before)
    names = tuple(one.benchmark for one in benchmarks)
    others = off_target_changes(off_target.benchmarks) if off_target else None
    found = judge(declared, Facts(names, raw, counted, verdict, others or ()))
    return Success(
        declared=found.declared,
        told=found.told.value,
        terms=tuple(
            SuccessTerm(term=one.term, told=one.told.value, why=one.why, needed_n=one.needed_n)
            for one in found.terms
        ),
    )


def how_far(
    benchmarks: Sequence[BenchmarkScores], others: Sequence[OffTargetScores]
) -> OffTarget | None:
    """How far the raw gain over zero-shot reaches; None where nothing else was to be measured."""
    if not others:
        return None
    targets = [
        _measured(one.benchmark, one.after_vs_zero_shot, one.raw.n)
        for one in benchmarks
        if one.after_vs_zero_shot and one.raw
    ]
    known = targets if len(targets) == len(benchmarks) else []
    found = judge_reach(known, off_target_changes(others) or ())
    return OffTarget(reach=found.reach, why=found.why, benchmarks=tuple(others))


def off_target_changes(others: Sequence[OffTargetScores]) -> tuple[Change, ...] | None:
    """The change of each; None where one of them has no score: a part is not the whole."""
    found = tuple(
        _measured(one.benchmark, one.change, one.after.n)
        for one in others
        if one.change and one.after
    )
    return found if len(found) == len(others) else None


def _measured(benchmark: str, paired: Paired, n: int) -> Change:
    return Change(
        benchmark=benchmark,
        difference=paired.difference,
        interval=Interval(paired.low, paired.high),
        p_value=paired.p_value,
        n=n,
        discordant=min(1.0, (paired.gained + paired.lost) / n) if n else 0.0,
    )


def _counted(scores: BenchmarkScores, raw: Change, before: Score) -> Change:
    """The change of the counted score: the measured one, unless the policy changed the score.

    A policy's score is of no pair of answers: its interval is as wide as both scores' together,
    and no test is of it.
    """
    counted = scores.counted
    if counted is None or scores.raw is None or counted.score == scores.raw.score:
        return raw
    return Change(
        benchmark=raw.benchmark,
        difference=counted.score - before.score,
        interval=Interval(counted.low - before.high, counted.high - before.low),
        p_value=1.0,
        n=raw.n,
        discordant=raw.discordant,
    )
