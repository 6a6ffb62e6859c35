"""A declaration of success: what is one, and what becomes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.choices import SUCCESS
from ptb_lite.events import Verdict
from ptb_lite.stats.scoring import Interval, mcnemar_exact
from ptb_lite.stats.success import (
    TERMS,
    Baseline,
    Change,
    Facts,
    GainTerm,
    SuccessError,
    Told,
    holm,
    judge,
    parse,
)


def change(difference: float, half: float, p: float = 0.001, name: str = "gsm8k") -> Change:
    interval = Interval(difference - half, difference + half)
    return Change(name, difference, interval, p, n=150, discordant=0.4)


def facts(
    *changes: Change, verdict: Verdict = Verdict.CLEAN, off_target: tuple[Change, ...] = ()
) -> Facts:
    names = tuple(one.benchmark for one in changes)
    few: Baseline = "few-shot"
    known = {(one.benchmark, few): one for one in changes}
    return Facts(names, known, known, verdict, off_target)


def test_the_issue_s_own_line() -> None:
    line = "gain over few-shot >= 5 points, p < 0.05, verdict clean, off-target loss <= 3 points"
    assert len(parse(line)) == 4
    found = judge(
        line, facts(change(0.353, 0.08), off_target=(change(-0.01, 0.015, name="kinship"),))
    )
    assert found.told is Told.MET
    assert [term.told for term in found.terms] == [Told.MET] * 4


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("gain over few-shot >= 5 points", Told.UNKNOWN),
        ("gain over few-shot >= 20 points", Told.NOT_MET),
        ("raw gain over few-shot > 0 points", Told.MET),
        ("gain over zero-shot > 0 points", Told.UNKNOWN),
        ("off-target loss <= 3 points", Told.UNKNOWN),
    ],
)
def test_an_interval_tells_or_does_not(line: str, told: Told) -> None:
    assert judge(line, facts(change(0.06, 0.05))).told is told


def test_what_cannot_be_told_says_what_would_tell() -> None:
    (term,) = judge("gain over few-shot >= 5 points", facts(change(0.07, 0.05))).terms
    assert term.needed_n is not None
    assert term.needed_n > 150
    assert term.why == "gsm8k +7.0 points (+2.0 to +12.0)"


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (Verdict.CLEAN, Told.MET),
        (Verdict.FLAGGED, Told.NOT_MET),
        (Verdict.INCONCLUSIVE, Told.UNKNOWN),
    ],
)
def test_verdicts(verdict: Verdict, told: Told) -> None:
    assert judge("verdict clean", facts(change(0.1, 0.01), verdict=verdict)).told is told


def test_every_target_must_and_p_is_corrected() -> None:
    two = facts(change(0.2, 0.1, p=0.03), change(0.3, 0.1, p=0.04, name="bfcl"))
    found = judge(SUCCESS, two)
    assert [term.told for term in found.terms] == [Told.MET, Told.UNKNOWN, Told.MET]
    assert "p = 0.06 after Holm's correction" in found.terms[1].why


def test_a_run_without_a_submission_cannot_be_told() -> None:
    empty = Facts(("gsm8k",), {}, {}, Verdict.CLEAN)
    assert judge(SUCCESS, empty).told is Told.UNKNOWN


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "says nothing"),
        ("score >= 5", "'score >= 5' is not a term"),
        ("p < 0.05", "no gain is named"),
        ("gain over few-shot >= 5 points, p < 5", "between 0 and 1"),
        ("gain over few-shot >= 500 points", "only 100 points"),
        ("x" * 400, "longer than"),
    ],
)
def test_a_wrong_line_is_named_with_the_terms(line: str, says: str) -> None:
    with pytest.raises(SuccessError, match=says) as caught:
        parse(line)
    if "term" in says or "nothing" in says:
        assert caught.value.hint is not None
        assert all(term in caught.value.hint for term in TERMS)


@given(st.text(max_size=80))
def test_any_text_is_terms_or_an_error(text: str) -> None:
    try:
        found = parse(text)
    except SuccessError:
        return
    assert found


@given(st.integers(0, 100), st.booleans(), st.sampled_from(["few-shot", "zero-shot"]))
def test_a_written_term_is_read_back(points: int, strict: bool, base: str) -> None:
    sign = ">" if strict else ">="
    (term,) = parse(f"gain over {base} {sign} {points} points")
    assert isinstance(term, GainTerm)
    assert (term.base, term.strict, term.bound) == (base, strict, points / 100)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_never_below_and_keeps_the_order(values: list[float]) -> None:
    corrected = holm(values)
    assert all(after >= before for before, after in zip(values, corrected, strict=True))
    pairs = sorted(zip(values, corrected, strict=True))
    assert [after for _, after in pairs] == sorted(corrected)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_real_tests_are_judged(pairs: list[tuple[bool, bool]]) -> None:
    test = mcnemar_exact([a for a, _ in pairs], [b for _, b in pairs])
    moved = (test.gained + test.lost) / test.n
    one = Change("b", test.difference, test.interval, test.p_value, test.n, moved)
    told = judge("gain over few-shot > 0 points", facts(one)).told
    assert (told is Told.MET) == (test.interval.low > 0)
