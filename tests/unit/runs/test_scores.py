"""From samples to scores: graded and ungraded, missing ones, and what so many items can show."""

from __future__ import annotations

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.results import SampleRecord
from ptb_lite.events import Verdict
from ptb_lite.runs.figures.scores import BenchmarkSamples, benchmark_scores, recount, score_of
from ptb_lite.runs.records import BenchmarkScores
from ptb_lite.stats import graded, scoring


def samples(*scores: float | None) -> list[SampleRecord]:
    return [
        SampleRecord(
            item_id=f"i{n}",
            question="q",
            target="t",
            completion="c",
            extracted=None,
            correct=score is not None and score >= 1,
            score=score,
        )
        for n, score in enumerate(scores)
    ]


def scored(
    before: list[SampleRecord],
    few: list[SampleRecord],
    after: list[SampleRecord] | None,
    *,
    judged: bool = True,
    verdict: Verdict = Verdict.CLEAN,
    not_scored: str = "",
) -> BenchmarkScores:
    bundle = BenchmarkSamples(
        benchmark="b",
        title="B",
        num_fewshot=3,
        zero_shot=before,
        few_shot=few,
        after=after,
        judged=judged,
        not_scored=not_scored,
    )
    return benchmark_scores(bundle, verdict=verdict, policy="reset", flag_kinds=[])


BEFORE, AFTER = (0.0, 0.25, 0.5, 0.0, 0.25, 0.0), (0.5, 0.75, 0.5, 0.25, 1.0, 0.0)


def test_graded_items_get_graded_statistics() -> None:
    found = scored(samples(*BEFORE), samples(*BEFORE), samples(*AFTER))
    assert found.raw is not None
    assert (found.raw.score, found.raw.n, found.raw.correct) == (0.5, 6, 1)
    assert (found.raw.method, found.raw.graded) == ("bootstrap", True)
    interval = graded.mean_interval(AFTER)
    assert (found.raw.low, found.raw.high) == (interval.low, interval.high)
    test = found.after_vs_zero_shot
    assert test is not None
    assert (test.gained, test.lost, test.test) == (4, 0, "paired permutation")
    assert test.p_value == 2 / 2**4
    changes = [after - before for before, after in zip(BEFORE, AFTER, strict=True)]
    assert found.needed_n == graded.needed_n(changes)
    assert found.smallest_gain is not None


def test_right_and_wrong_keep_wilson_and_mcnemar() -> None:
    before, after = (0.0,) * 20, (1.0,) * 8 + (0.0,) * 12
    found = scored(samples(*before), samples(*before), samples(*after), judged=False)
    assert found.raw is not None
    interval = scoring.wilson(8, 20)
    assert (found.raw.low, found.raw.high, found.raw.method) == (
        interval.low,
        interval.high,
        "Wilson",
    )
    assert found.after_vs_zero_shot is not None
    assert found.after_vs_zero_shot.test == "exact McNemar"
    assert found.needed_n == scoring.needed_n(0.4, 0.4)
    assert found.smallest_gain == scoring.smallest_detectable_gain(20, 0.0)


def test_no_difference_needs_no_number() -> None:
    same = samples(1.0, 0.0, 0.0)
    found = scored(same, same, same, judged=False)
    assert found.needed_n is None
    assert found.smallest_gain is not None or len(same) < 10


@pytest.mark.parametrize("judged", [True, False])
def test_one_item_without_a_score_is_no_score(judged: bool) -> None:
    part = samples(1.0, None, 1.0)
    assert score_of(part, judged=judged) is None
    whole = samples(0.0, 0.0, 1.0)
    found = scored(whole, part, whole, judged=judged, not_scored="1 of 3")
    assert found.few_shot is None
    assert found.after_vs_few_shot is None
    assert found.zero_shot is not None
    assert found.counted is not None
    assert found.not_scored == "1 of 3"


def test_an_unscored_submission_does_not_count_as_the_base() -> None:
    whole, none = samples(0.5, 1.0), samples(None, None)
    found = scored(whole, whole, none, not_scored="the judge is away")
    assert (found.raw, found.counted, found.needed_n) == (None, None, None)
    no_submission = scored(whole, whole, None)
    assert no_submission.counted is not None
    assert no_submission.counted.mark.startswith("no valid submission")


def test_a_flagged_run_without_a_base_score_has_no_counted_one() -> None:
    whole, none = samples(0.5, 1.0), samples(None, None)
    found = scored(none, whole, whole, verdict=Verdict.FLAGGED)
    assert found.raw is not None
    assert found.counted is None


def test_points_below_nothing_are_shown_as_nothing() -> None:
    found = scored(samples(-1.0, -0.5, 0.0), samples(0.0, 0.0, 0.0), samples(0.25, 0.25, 1.0))
    assert found.zero_shot is not None
    assert (found.zero_shot.score, found.zero_shot.low) == (0.0, 0.0)
    assert found.after_vs_zero_shot is not None
    assert found.after_vs_zero_shot.difference == 0.5


def test_other_items_are_refused() -> None:
    with pytest.raises(PtbLiteError, match="different items"):
        scored(samples(1.0, 1.0), samples(1.0, 1.0), samples(1.0))


def test_a_reset_to_a_base_of_zero_keeps_the_base_scores_interval() -> None:
    base, after = samples(*[0.0] * 20), samples(*[1.0] * 20)
    found = scored(base, base, after, verdict=Verdict.FLAGGED)
    assert found.counted is not None
    assert found.zero_shot is not None
    assert (found.counted.score, found.counted.low) == (0.0, 0.0)
    assert found.counted.high == found.zero_shot.high > 0.1
    by_policy = recount(found, verdict=Verdict.FLAGGED, policy="zero", flag_kinds=())
    assert by_policy.counted is not None
    assert by_policy.counted.high == 0.0
