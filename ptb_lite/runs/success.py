"""A declaration of success judged by the scores of a run. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from ptb_lite.events import Verdict
from ptb_lite.runs.records import BenchmarkScores, Paired, Score, Success, SuccessTerm
from ptb_lite.stats.scoring import Interval
from ptb_lite.stats.success import Baseline, Change, Facts, judge


def judge_success(
    declared: str, benchmarks: Sequence[BenchmarkScores], verdict: Verdict
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
    found = judge(
        declared, Facts(tuple(one.benchmark for one in benchmarks), raw, counted, verdict)
    )
    return Success(
        declared=found.declared,
        told=found.told.value,
        terms=tuple(
            SuccessTerm(term=one.term, told=one.told.value, why=one.why, needed_n=one.needed_n)
            for one in found.terms
        ),
    )


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
