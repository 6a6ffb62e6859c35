"""Which numbers a word problem brings along without digits: number words and units of measure."""

from __future__ import annotations

import re
from fractions import Fraction

from ptb_lite.audit.text.hidden.rewritten import NUMBER_WORDS, spelled_number

_WORD = re.compile(r"[a-z]+|%")
# What the beginnings of words bring along when they occur in the question.
_SAID: dict[str, tuple[str, ...]] = {
    "half": ("2", "1/2"), "halv": ("2", "1/2"), "twice": ("2",), "doubl": ("2",), "both": ("2",),
    "coupl": ("2",), "pair": ("2",), "another": ("1",), "thrice": ("3",), "tripl": ("3",),
    "third": ("3", "1/3", "2/3"), "quadrupl": ("4",), "quarter": ("4", "1/4", "3/4", "25"),
    "fourth": ("4", "1/4", "3/4"), "fifth": ("5", "1/5"), "sixth": ("6", "1/6"),
    "seventh": ("7", "1/7"), "eighth": ("8", "1/8"), "ninth": ("9", "1/9"),
    "tenth": ("10", "1/10"), "dozen": ("12",), "score": ("20",), "hundred": ("100",),
    "thousand": ("1000",), "million": ("1000000",), "second": ("2", "60"), "first": ("1",),
}  # fmt: skip
# Units are in the solution as often as in the question.
_UNITS: dict[str, tuple[str, ...]] = {
    "week": ("7", "52", "5", "4"), "weekday": ("5",), "weekend": ("2",), "month": ("12", "30", "4"),
    "year": ("12", "52", "365"), "annual": ("12", "52"), "day": ("7", "24", "365"),
    "daily": ("7", "24"), "hour": ("60", "24"), "minute": ("60",), "second": ("60",),
    "decade": ("10",), "centur": ("100",), "cent": ("100",), "dollar": ("100",), "dime": ("10",),
    "nickel": ("5",), "feet": ("12", "3"), "foot": ("12", "3"), "inch": ("12",), "yard": ("3",),
    "pound": ("16",), "ounce": ("16",), "kilo": ("1000",), "km": ("1000",), "gram": ("1000",),
    "meter": ("100", "1000"), "liter": ("1000",), "litre": ("1000",), "ton": ("1000", "2000"),
    "percent": ("100",), "%": ("100",), "square": ("4",), "triangle": ("3",), "cube": ("6",),
}  # fmt: skip


def constants(question: str, solution: str) -> frozenset[Fraction]:
    """The values that a solution may use though no digit of the question says them. 1 always."""
    asked, told = _words(question), _words(solution)
    found = {Fraction(1)}
    for word in asked:
        found |= _brought(word, _SAID)
    for word in asked | told:
        found |= _brought(word, _UNITS)
    return frozenset(found | _spelled(question))


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _brought(word: str, table: dict[str, tuple[str, ...]]) -> set[Fraction]:
    return {
        Fraction(value)
        for start, values in table.items()
        if word.startswith(start)
        for value in values
    }


def _spelled(text: str) -> set[Fraction]:
    """The values of number words, alone and as "twenty-five"."""
    found: set[Fraction] = set()
    before: list[int] = []
    for word in re.findall(r"[a-z]+", text.lower()):
        value = NUMBER_WORDS.get(word)
        if value is None:
            before = []
            continue
        found.add(Fraction(value))
        before = [*before[-1:], value]
        if len(before) == 2:
            found.add(Fraction(spelled_number(before)))
    return found
