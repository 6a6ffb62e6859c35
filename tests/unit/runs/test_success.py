"""A run's declaration of success, from its scores to the words."""

from __future__ import annotations

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.choices import SUCCESS
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.results import SampleRecord
from ptb_lite.events import Verdict
from ptb_lite.narrate import gain_words, success_words
from ptb_lite.runs.figures.scores import BenchmarkSamples, benchmark_scores, off_target_scores
from ptb_lite.runs.figures.success import how_far, judge_success
from ptb_lite.runs.records import BenchmarkScores, OffTarget
from ptb_lite.spec.run_spec import resolve_spec
from tests.unit.runs.test_scores import samples


def bits(text: str) -> list[SampleRecord]:
    return samples(*map(float, text))


def scores(after: str | None, verdict: Verdict = Verdict.CLEAN) -> BenchmarkScores:
    """Of 40 items, of which the base answers the first 4."""
    before = bits("1" * 4 + "0" * 36)
    return benchmark_scores(
        BenchmarkSamples(
            benchmark="add-numbers",
            title="t",
            num_fewshot=5,
            zero_shot=before,
            few_shot=before,
            after=None if after is None else bits(after),
        ),
        verdict=verdict,
        policy="reset",
        flag_kinds=[],
    )


def test_a_gain_that_is_real_is_met() -> None:
    found = judge_success(SUCCESS, [scores("1" * 30 + "0" * 10)], Verdict.CLEAN)
    assert found.told == "met"
    assert success_words(found) == [f"declared success: met ({SUCCESS})"]


def test_a_small_gain_cannot_be_told_and_says_what_would_tell() -> None:
    found = judge_success(SUCCESS, [scores("1" * 6 + "0" * 34)], Verdict.CLEAN)
    assert found.told == "cannot be told"
    assert any("items would tell" in line for line in success_words(found))


def test_a_flagged_run_is_reset_and_not_met() -> None:
    flagged = scores("1" * 30 + "0" * 10, Verdict.FLAGGED)
    found = judge_success(SUCCESS, [flagged], Verdict.FLAGGED)
    assert {term.term: term.told for term in found.terms}["verdict clean"] == "not met"
    assert found.told == "not met"
    # The raw gain is there all the same, and may be declared.
    raw = judge_success("raw gain over few-shot > 0 points", [flagged], Verdict.FLAGGED)
    assert raw.told == "met"


def test_nothing_submitted_cannot_be_told() -> None:
    assert judge_success(SUCCESS, [scores(None)], Verdict.CLEAN).told == "cannot be told"


def test_a_wrong_declaration_is_refused_before_the_run() -> None:
    with pytest.raises(SpecError, match="is not a term") as caught:
        resolve_spec(
            preset="offline-demo", overrides={"success": "be good"}, catalog=load_catalog()
        )
    assert caught.value.field == "success"


def beside(before: str, after: str | None) -> OffTarget:
    """What became of a benchmark that was no target, where the target gained."""
    other = off_target_scores(
        "kinship", "t", before=bits(before), after=None if after is None else bits(after)
    )
    found = how_far([scores("1" * 30 + "0" * 10)], [other])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("after", "told"),
    [("1" * 20, "cannot be told"), ("1" * 2 + "0" * 18, "not met"), (None, "cannot be told")],
)
def test_an_off_target_loss_is_judged_by_its_interval(after: str | None, told: str) -> None:
    declared = "gain over few-shot > 0 points, off-target loss <= 3 points"
    found = judge_success(
        declared, [scores("1" * 30 + "0" * 10)], Verdict.CLEAN, beside("1" * 20, after)
    )
    assert found.terms[1].told == told, found
    # Twenty items that all stay right leave a loss of 16 points possible.
    kept = judge_success(
        declared, [scores("1" * 30 + "0" * 10)], Verdict.CLEAN, beside("1" * 500, "1" * 500)
    )
    assert kept.told == "met"


def test_harm_beside_the_target_is_said_in_words() -> None:
    found = beside("1" * 20 + "0" * 20, "1" * 5 + "0" * 35)
    assert (found.reach, found.benchmarks[0].after.n) == ("harmful", 40)  # type: ignore[union-attr]
    nothing = beside("1" * 4, None)
    assert nothing.reach == "cannot be told"
    assert how_far([scores("1" * 40)], []) is None
    assert gain_words_of(found)[-1] == (
        "the training is harmful: a loss is shown: kinship -37.5 points (-51.8 to -20.7)"
    )


def gain_words_of(found: OffTarget) -> list[str]:
    from tests.unit.tui.folders import scores as whole

    spec = resolve_spec(preset="offline-demo", overrides={}, catalog=load_catalog())
    made = whole("r", spec, 0.2, 0.2, Verdict.CLEAN)
    return gain_words(made.model_copy(update={"off_target": found}))


def test_what_cannot_be_measured_beside_the_target_is_refused_before_the_run() -> None:
    def refused(**overrides: object) -> SpecError:
        with pytest.raises(SpecError) as caught:
            resolve_spec(preset="offline-demo", overrides=overrides, catalog=load_catalog())
        return caught.value

    assert "is a target" in refused(off_target=("add-numbers",)).message
    assert "given twice" in refused(off_target=("kinship", "kinship")).message
    assert refused(off_target=("kinships",)).field == "also"
    declared = "off-target loss <= 3 points"
    nothing = refused(benchmarks=("count-sisters",), success=declared)
    assert (nothing.field, nothing.hint) == ("success", "Give --also BENCHMARK")
    # A preset's own gives way to the target that a person chose.
    spec = resolve_spec(
        preset="workshop-30min", overrides={"benchmarks": ("kinship",)}, catalog=load_catalog()
    )
    assert spec.off_target == ("count-sisters",)
    assert spec.measured == ("kinship", "count-sisters")
