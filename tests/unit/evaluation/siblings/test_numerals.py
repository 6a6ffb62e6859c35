"""Numbers in text: found where they stand, written in the same style, exchanged for their like."""

from __future__ import annotations

import random
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from ptb_lite.benchmarks.gsm8k.numerals import all_read, another, find_numerals, written


def test_where_they_stand_and_what_they_say() -> None:
    text = "$1,234.50 for 3 of .25, 20% off; 16-3=13. Room B12 and 1,2345."
    found = find_numerals(text)
    assert [one.text for one in found] == ["1,234.50", "3", ".25", "20", "16", "3", "13"]
    assert [text[one.start : one.end] for one in found] == [one.text for one in found]
    assert found[0].value == Fraction("1234.5")
    assert not all_read(text, found)  # B12 and 1,2345 are none
    assert all_read("16 - 3", find_numerals("16 - 3"))


@given(st.text(max_size=80))
def test_any_text_is_read(text: str) -> None:
    for one in find_numerals(text):
        assert text[one.start : one.end] == one.text
        assert one.value >= 0


@given(st.integers(0, 10**9), st.sampled_from(["7", "1,000", "2.50", ".5", "3.5"]))
def test_what_is_written_says_the_value(cents: int, like: str) -> None:
    value = Fraction(cents, 100)
    text = written(value, like)
    assert text is not None
    assert Fraction(text.replace(",", "")) == value
    if value.denominator == 1 and like == "7":
        assert "." not in text
    if "," in like and value >= 1000:
        assert "," in text


def test_what_cannot_be_written() -> None:
    assert written(Fraction(1, 3), "3.33") is None
    assert written(Fraction(-4), "4") is None
    assert written(Fraction(3, 2), "2.50") == "1.50"
    assert written(Fraction(2), ".5") == "2.0"


@given(st.integers(1, 10**6), st.integers(0, 2), st.integers(0, 99))
@example(10**6, 0, 0)
def test_another_is_of_the_same_size_and_roundness(count: int, decimals: int, seed: int) -> None:
    value = Fraction(count, 10**decimals)
    other = another(value, random.Random(seed))
    assert other != value
    assert 0 < other <= 3 * value
    # No more decimals than before; tens stay tens.
    assert (other * 10**decimals).denominator == 1
    for ten in (10, 100, 1000):
        assert (other % ten == 0) or (value % ten != 0)
