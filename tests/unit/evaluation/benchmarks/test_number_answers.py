"""GSM8K and AIME: which number of a completion is the answer."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.benchmarks import aime2025 as aime
from ptb_lite.benchmarks.aime2025 import BENCHMARK as AIME
from ptb_lite.benchmarks.gsm8k import answer as gsm8k
from ptb_lite.evaluation.answer_text import MAX_COMPLETION, boxed, numbers, shown

WHOLE = st.integers(-(10**12), 10**12)
# Words that can stand around an answer without being read as one.
WORDS = st.text(alphabet="abcdef ,.!?", max_size=30).map(lambda text: f" {text}.")
MARKS = st.sampled_from(["ANSWER: {}", "Answer: {}", "#### {}", "\\boxed{{{}}}", "**Answer:** {}"])


@given(WHOLE, WORDS, MARKS, st.sampled_from(["{}", "{:,}", "${}", "${:,}", "{:,}.00", "€ {}"]))
def test_a_marked_number_is_found_however_it_is_written(
    value: int, words: str, mark: str, style: str
) -> None:
    written = style.format(abs(value))
    text = f"First 7, then 12.{words}\n" + mark.format(f"-{written}" if value < 0 else written)
    assert gsm8k.extract(text) == str(value)
    assert gsm8k.is_correct(text, str(value))
    assert gsm8k.is_correct(text, f"{value:,}")
    assert not gsm8k.is_correct(text, str(value + 1))


@given(WHOLE, WORDS)
def test_trailing_words_do_not_matter(value: int, words: str) -> None:
    assert gsm8k.extract(f"ANSWER: {value} dollars{words}") == str(value)


@given(WHOLE, WHOLE)
def test_of_two_marked_answers_the_last_counts(first: int, second: int) -> None:
    assert gsm8k.extract(f"ANSWER: {first}\nNo, wait.\nANSWER: {second}") == str(second)
    assert gsm8k.extract(f"#### {first}\n\\boxed{{{second}}}") == str(second)
    assert gsm8k.extract(f"\\boxed{{{first}}} so\n#### {second}") == str(second)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # Two answers on one line: the last counts, as in the reference.
        ("ANSWER: 135 or 136", "136"),
        ("#### 110-112", "112"),
        ("\\boxed{3 to 4 or 5}", "5"),
        ("ANSWER: 18 dollars for 2 days", "18"),
        ("ANSWER: 20 - 2 = 18", "18"),
        ("ANSWER: 16²", "256"),
        ("ANSWER: 43_200", "43200"),
        ("ANSWER: 5.6e+03", "5600"),
    ],
)
def test_hedges_and_other_spellings(text: str, found: str) -> None:
    assert gsm8k.extract(text) == found


@given(WHOLE, WHOLE)
def test_without_a_mark_the_last_number_counts(first: int, second: int) -> None:
    assert gsm8k.extract(f"It was {first} and is {second} now.") == str(second)


@given(st.text(alphabet=st.characters(exclude_categories=["N", "Cs"]), max_size=200))
def test_no_number_is_no_answer(text: str) -> None:
    assert gsm8k.extract(text) is None
    assert aime.extract(text) is None
    assert not gsm8k.is_correct(text, "0")


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error_and_an_answer_extracts_to_itself(text: str) -> None:
    found = gsm8k.extract(text)
    assert found is None or gsm8k.extract(found) == found
    for value in numbers(text):
        assert isinstance(value, Fraction)


@given(st.integers(0, 999))
def test_aime_answers_are_whole(value: int) -> None:
    assert aime.extract(f"so \\boxed{{{value:03d}}}.") == str(value)
    assert aime.is_correct(f"ANSWER: {value}", str(value))
    assert aime.extract(f"ANSWER: {value}.5") is None
    assert not aime.is_correct(f"ANSWER: {value}.5", str(value))


@pytest.mark.parametrize(
    "row",
    [
        {"problem": " Find n. ", "answer": "073", "id": "1"},
        {"ID": "2024-I-1", "Problem": "Find n.", "Solution": "It is 73.", "Answer": 73},
    ],
)
def test_aime_rows_of_the_usual_publications(row: dict[str, object]) -> None:
    found = AIME.item(row)
    assert found is not None
    assert (found.question, found.target) == ("Find n.", "73")
    assert aime.is_correct(AIME.reply(found), "73")
    assert AIME.plain(found) + AIME.solved(found) == (
        f"Problem: Find n.\nSolution: {AIME.reply(found)}"
    )


@pytest.mark.parametrize("row", [{"problem": "x"}, {"problem": "x", "answer": "1000"}])
def test_rows_that_are_not_aime_are_refused(row: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        AIME.item(row)


# What reference scorers are known to get wrong, where we differ on purpose (docs/benchmarks.md).
@pytest.mark.parametrize(
    ("completion", "target", "correct"),
    [
        ("ANSWER: 118", "18", False),
        ("He pays Rs.18", "18", True),
        ("ANSWER: Rs. 18", "18", True),
        ("ANSWER: ₹18", "18", True),
        ("ANSWER: 7e4", "70000", True),
        ("ANSWER: 1.5E+3", "1500", True),
        ("ANSWER: 70 000", "70000", True),
        ("ANSWER: 70'000", "70000", True),
        ("#### 1 234 567", "1234567", True),
        ("ANSWER: 70\u202f000 euros", "70000", True),
        ("She has 5 200 times", "200", True),
        ("He made 70 000 dollars in 2023.5", "70000", False),
        ("He made 70 000 dollars.", "70000", True),
        ("He made 1 250 000", "1250000", True),
        ("That is 70'000 francs", "70000", True),
        ("He pays RM18, INR18", "18", True),
        ("= $7 \\times 10^{4}$", "70000", True),
        ("So 7 x 10^4", "70000", True),
        ("7 × 10", "10", True),
        ("\ufeff18", "18", True),
        ("ANSWER: -18", "18", False),
        ("ANSWER: 18", "-18", False),
        ("ANSWER: -3", "-3", True),
        ("ANSWER: 13", "-3", False),
        ("ANSWER: 1,000", "1000", True),
        ("ANSWER: 1000", "1,000", True),
        ("#### 14,000.00", "14,000", True),
        ("We had 7 of them. The answer is \\boxed{20}", "20", True),
        ("We had 7 of them. The answer is \\boxed{20}", "7", False),
        ("ANSWER: 123456", "123457", False),
        ("ANSWER: 1234567", "1234600", False),
        ("ANSWER: 0.1 + 0.2 = 0.3", "0.3", True),
        ("ANSWER: $18 for 2 days", "18", True),
        ("16 - 3 - 4 = 9, 9 * 2 = 18", "18", True),
        ("20-18", "18", True),
        ("ANSWER: 36/2", "18", True),
        ("ANSWER: \\frac{36}{2}", "18", True),
        ("ANSWER: 1/0", "1", False),
        ("ANSWER: **18**", "18", True),
        ("ANSWER: 18.", "18", True),
        ("ANSWER: $\\boxed{18}$", "18", True),
        ("ANSWER: 5²", "52", False),
        ("<think>ANSWER: 4</think>ANSWER: 18", "18", True),
        ("ANSWER: 18\n</think>", "18", False),
        ("", "18", False),
    ],
)
def test_known_cases(completion: str, target: str, correct: bool) -> None:
    assert gsm8k.is_correct(completion, target) is correct


def test_the_end_of_a_long_completion_counts_and_reading_it_is_quick() -> None:
    text = "1" * MAX_COMPLETION + "\\boxed{" * 10_000 + "\nANSWER: 5"
    assert gsm8k.extract(text) == "5"
    assert gsm8k.extract("ANSWER: " + "9" * 5000) is None


def test_boxes_match_their_braces() -> None:
    assert boxed("\\boxed{\\frac{1}{2}} and \\boxed{3") == ["\\frac{1}{2}"]


@pytest.mark.parametrize(
    ("value", "text"), [(Fraction(5), "5"), (Fraction(1, 2), "0.5"), (Fraction(1, 3), "1/3")]
)
def test_numbers_are_shown_exactly(value: Fraction, text: str) -> None:
    assert shown(value) == text
