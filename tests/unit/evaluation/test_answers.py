from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.evaluation.answers import MAX_COMPLETION, extract_answer, is_correct, normalise

ANSWERS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=60)
WORDS = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        (" 42\n", "42"),
        ("\n\n 42 ", "42"),
        (" 42\nQuestion: 3 + 4 = ?\nAnswer: 7", "42"),
        (' "Monday".', "monday"),
        (" The mother-in-law.", "mother-in-law"),
        (" apple ,pear,  fig", "apple, pear, fig"),
        (" -7", "-7"),
        ("", None),
        (" \n\t\n", None),
        (" ...", None),
    ],
)
def test_the_answer_is_the_first_line_without_dress(completion: str, answer: str | None) -> None:
    assert extract_answer(completion) == answer


@given(ANSWERS)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(ANSWERS)
def test_an_extracted_answer_extracts_to_itself(completion: str) -> None:
    answer = extract_answer(completion)
    if answer is not None:
        assert extract_answer(answer) == answer
        assert "\n" not in answer


@given(WORDS, st.text(" \t", max_size=3), st.sampled_from(["", ".", "!", '"', " ."]))
def test_dress_and_what_follows_the_line_do_not_matter(
    words: list[str], space: str, end: str
) -> None:
    target = ", ".join(words)
    if normalise(target) == "":
        return
    completion = f"{space}{target.upper()}{end}{space}\nQuestion: something else"
    assert is_correct(completion, target)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_numbers_are_equal_when_their_values_are(one: int, other: int) -> None:
    assert is_correct(f" {one}.0", str(other)) == (one == other)
    assert is_correct(f" {one}", str(other)) == (one == other)


@given(WORDS, WORDS)
def test_different_words_are_wrong(one: list[str], other: list[str]) -> None:
    left, right = normalise(" ".join(one)), normalise(" ".join(other))
    if left and right and left != right:
        assert not is_correct(left, right)


@given(ANSWERS)
def test_an_empty_completion_is_never_right(target: str) -> None:
    assert not is_correct("", target)
    assert not is_correct(" \n", target)


@pytest.mark.parametrize("completion", ["12 or 13", "not 12", "1 2", "12, 13", "12abc"])
def test_an_answer_among_others_is_wrong(completion: str) -> None:
    assert not is_correct(completion, "12")


def test_a_huge_completion_is_bounded() -> None:
    assert len(extract_answer("x" * 10**6) or "") <= MAX_COMPLETION
