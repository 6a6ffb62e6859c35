"""GPQA: which letter of a completion is the answer, and how the choices are shuffled."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.benchmarks.gpqamain import BENCHMARK, LETTERS, extract, is_correct, item

LETTER = st.sampled_from(LETTERS)
WORDS = st.text(alphabet="efghij ,.!", max_size=30)
MARKS = st.sampled_from(
    [
        "ANSWER: {}",
        "Answer: ({})",
        "**Answer: {}**",
        "The answer is {}.",
        "the correct answer is ({}), I think",
        "\\boxed{{{}}}",
        "ANSWER: $\\boxed{{\\text{{{}}}}}$",
        "answer: **{}**",
    ]
)


@given(LETTER, WORDS, MARKS)
def test_a_marked_letter_is_found(letter: str, words: str, mark: str) -> None:
    text = f"A thought about (B) and D.{words}\n{mark.format(letter)}"
    assert extract(text) == letter
    assert is_correct(text, letter)


@given(LETTER, LETTER)
def test_of_two_marked_letters_the_last_counts(first: str, second: str) -> None:
    assert extract(f"ANSWER: {first}\nNo.\nANSWER: {second}") == second


@given(LETTER, st.sampled_from(["{}", "({})", "{}.", "{}) because", "({}) the third"]))
def test_a_bare_letter_at_the_start_is_found(letter: str, style: str) -> None:
    assert extract(style.format(letter)) == letter


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "none of them",
        "A proton has charge.",
        "the answer: a proton",
        "ANSWER: E",
        "D'Alembert",
    ],
)
def test_what_is_no_letter(text: str) -> None:
    assert extract(text) == ("A" if text == "A" else None)


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert extract(text) in (None, *LETTERS)


def _row(number: int) -> dict[str, str]:
    wrong = {f"Incorrect Answer {place}": f"wrong {place}" for place in (1, 2, 3)}
    return {"Question": f"Question {number}?", "Correct Answer": "right", **wrong}


def test_choices_are_shuffled_by_the_question_alone() -> None:
    made = [item(_row(number)) for number in range(400)]
    assert made == [item({**_row(number), "Record ID": "else"}) for number in range(400)]
    targets = Counter(found.target for found in made)
    # Chi-squared with 3 degrees of freedom: 16.3 is exceeded once in a thousand.
    assert sum((targets[letter] - 100) ** 2 / 100 for letter in LETTERS) < 16.3
    for found in made:
        choices = found.metadata["choices"]
        assert isinstance(choices, list)
        assert choices[LETTERS.index(found.target)] == "right"
        assert is_correct(BENCHMARK.reply(found), found.target)
        assert is_correct(BENCHMARK.solved(found), found.target)
