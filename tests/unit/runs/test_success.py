"""A run's declaration of success, from its scores to the words."""

from __future__ import annotations

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.choices import SUCCESS
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.results import SampleRecord
from ptb_lite.events import Verdict
from ptb_lite.narrate import success_words
from ptb_lite.runs.records import BenchmarkScores
from ptb_lite.runs.scores import BenchmarkSamples, benchmark_scores
from ptb_lite.runs.success import judge_success
from ptb_lite.spec.run_spec import resolve_spec
from tests.unit.runs.test_scores import samples


def bits(text: str) -> list[SampleRecord]:
    return samples(*map(float, text))


def scores(
    after: str | None, verdict: Verdict = Verdict.CLEAN, policy: str = "reset"
) -> BenchmarkScores:
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
