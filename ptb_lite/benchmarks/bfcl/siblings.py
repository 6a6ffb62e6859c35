"""Requests with other numbers, and the call that is right for them.

A number is exchanged where that is sound: it stands once in the request and once in the call, in
the same digits, is no part of a date, a code, a year or a word, and has a fraction or two digits.
What the request compares stays so: the order of all of its numbers is kept, and how many digits
each has. Names stay as they are, since a place or a company says which other arguments are right.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from ptb_lite.evaluation.family import Edit, Family, Refusal, Worded, apply

MAX_CHARACTERS = 20_000
TRIES = 40
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# Beside a number, what makes it a part of something else: 2023-05-01, 3:30, A4, 1,000, 192.168.0.1.
_JOINED_BEFORE = re.compile(r"[\w.,:/\\#@-]$|[-+−]\s?$")
_JOINED_AFTER = re.compile(r"^(?:[\w/\\@°%]|[.,:-]\d|-\w)")
_YEAR = re.compile(r"(?:19|20)\d\d")
_SMALLEST = 10  # below, a whole number may be a level or a choice


@dataclass(frozen=True)
class _Place:
    """A number's place in the request and in the call."""

    digits: str
    asked: int
    called: int


def family(question: str, reply: str, *, count: int, source: random.Random) -> Family | Refusal:
    """`count` different siblings of a request, or why there are none. `reply` is the text with the
    call as JSON. Pure but for `source`."""
    if len(question) + len(reply) > MAX_CHARACTERS:
        return Refusal("too long")
    places = _places(question, reply)
    if not places:
        return Refusal("no number stands once in the request and in the call")
    made: list[Worded] = []
    for _ in range(TRIES):
        if len(made) == count:
            break
        numbers = _others(question, [place.digits for place in places], source)
        sibling = numbers and _with(question, reply, places, numbers)
        if sibling and sibling not in made:
            made.append(sibling)
    if len(made) < count:
        return Refusal("no other numbers fit")
    own = sorted((place.called, place.called + len(place.digits)) for place in places)
    return Family(Worded(question, reply, tuple(own)), tuple(made))


def _places(question: str, reply: str) -> list[_Place]:
    asked = [(match[0], match.start()) for match in _NUMBER.finditer(question)]
    called = [(match[0], match.start()) for match in _NUMBER.finditer(reply)]
    values = _values(reply)
    found = []
    for digits, at in asked:
        before, after = question[:at], question[at + len(digits) :]
        whole = not _JOINED_BEFORE.search(before[-2:]) and not _JOINED_AFTER.match(after[:2])
        there = [place for text, place in called if Decimal(text) == Decimal(digits)]
        alone = sum(Decimal(text) == Decimal(digits) for text, _ in asked) == 1 == len(there)
        # In the call it has to be a number: a text may say more than its digits.
        plain = values.count(Decimal(digits)) == 1 and reply[there[0] :].startswith(digits)
        if (
            whole
            and alone
            and plain
            and not _YEAR.fullmatch(digits)
            and Decimal(digits) >= _SMALLEST
        ):
            found.append(_Place(digits, at, there[0]))
    return found


def _is_free(digits: str) -> bool:
    return "." in digits or int(digits) >= _SMALLEST


def _values(reply: str) -> list[Decimal]:
    """The numbers among the arguments of a call."""
    match = re.search(r"\{.*\}", reply, re.DOTALL)
    try:
        call = json.loads(match[0]) if match else {}
    except (ValueError, RecursionError):
        return []
    found: list[Decimal] = []
    waiting: list[Any] = [call.get("arguments")] if isinstance(call, dict) else []
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, int | float) and not isinstance(one, bool):
            found.append(Decimal(str(one)))
    return found


def _others(question: str, numbers: list[str], source: random.Random) -> list[str] | None:
    """Another number for each, in the same order among all of the request's; None: it was none."""
    fixed = {Decimal(text) for text in _NUMBER.findall(question)} - set(map(Decimal, numbers))
    made = [_drawn(digits, source) for digits in numbers]
    before = sorted((*map(Decimal, numbers), *fixed))
    exchanged = dict(zip(map(Decimal, numbers), map(Decimal, made), strict=True))
    after = [exchanged.get(value, value) for value in before]
    kept = all(low < high for low, high in pairwise(after))
    changed = all(old != new for old, new in zip(numbers, made, strict=True))
    return made if kept and changed else None


def _drawn(digits: str, source: random.Random) -> str:
    """A number of as many digits, at most half as much more or less, and as it is written."""
    whole, point, fraction = digits.partition(".")
    value = int(whole + fraction)
    least = 10 ** (len(whole) - 1) if not point else 1
    drawn = str(source.randint(max(least, value // 2), value + (value + 1) // 2))
    drawn = drawn.zfill(len(whole + fraction))
    padded = len(whole) > 1 and drawn[0] == "0"
    if len(drawn) != len(whole + fraction) or padded or (point and drawn[-1] == "0"):
        return digits
    return drawn[: len(whole)] + point + drawn[len(whole) :]


def _with(question: str, reply: str, places: list[_Place], numbers: list[str]) -> Worded:
    pairs = list(zip(places, numbers, strict=True))
    asked, _ = apply(question, (Edit(p.asked, p.asked + len(p.digits), n) for p, n in pairs))
    edits = (Edit(p.called, p.called + len(p.digits), n, marks=True) for p, n in pairs)
    called, spans = apply(reply, edits)
    return Worded(asked, called, spans)
