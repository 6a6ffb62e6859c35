"""Numbers written in digits: where they stand, what they are worth, and others written alike."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 12
_NUMERAL = re.compile(
    r"(?<![A-Za-z0-9_.,])(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
    r"(?![0-9]|,[0-9]|\.[0-9])"
)


@dataclass(frozen=True)
class Numeral:
    """The characters `start` to `end` of a text, `text`, say `value`."""

    start: int
    end: int
    text: str
    value: Fraction


def find_numerals(text: str) -> tuple[Numeral, ...]:
    """The numbers of a text in order, none of more than `MAX_DIGITS` digits."""
    return tuple(
        Numeral(match.start(), match.end(), match[0], Fraction(match[0].replace(",", "")))
        for match in _NUMERAL.finditer(text)
        if sum(character.isdigit() for character in match[0]) <= MAX_DIGITS
    )


def all_read(text: str, found: tuple[Numeral, ...]) -> bool:
    """Whether every digit of `text` is part of a number that was found."""
    covered = sum(sum(c.isdigit() for c in numeral.text) for numeral in found)
    return covered == sum(character.isdigit() for character in text)


def written(value: Fraction, like: str) -> str | None:
    """`value` in the style of `like` (commas, decimals, a bare point); None when it cannot be.

    It cannot where it has no end in decimals, or needs more of them than two and than `like` has.
    """
    decimals = len(like.partition(".")[2])
    if value < 0:
        return None
    whole = value.denominator == 1
    places = max(decimals, 2)
    scaled = value * 10**places
    if scaled.denominator != 1:
        return None
    if whole and not decimals:
        text = str(value.numerator)
    else:
        text = f"{scaled.numerator // 10**places}.{scaled.numerator % 10**places:0{places}d}"
        # As many decimals as the model had, and no more than are needed beyond those.
        while len(text.partition(".")[2]) > decimals and text.endswith("0"):
            text = text[:-1]
        text = text.removesuffix(".")
    if "," in like:
        before, point, after = text.partition(".")
        text = f"{int(before):,}{point}{after}"
    return text[1:] if like.startswith(".") and text.startswith("0.") else text


def another(value: Fraction, source: random.Random) -> Fraction:
    """A number of the same size and roundness: tens stay tens, fives fives, cents cents.

    Between about 0.6 and 1.6 times `value`, which is positive; for small numbers up to two away,
    and for round ones of few tens, hundreds and so on up to two of those: at most 3 times `value`.
    """
    step = Fraction(1)
    while (value / step).denominator != 1 and step.denominator < 10**6:
        step /= 10
    while (value / step) >= 10 and (value / step) % 10 == 0:
        step *= 10
    count = int(value / step)
    if count % 5 == 0 and count > 5:
        step, count = step * 5, count // 5
        others = [k for k in _near(count) if k % 2]
    else:
        others = [k for k in _near(count) if count <= 5 or k % 5]
    return step * source.choice(others or [count + 1])


def _near(count: int) -> list[int]:
    low, high = min(count - 2, round(count * 0.6)), max(count + 2, round(count * 1.6))
    least = 2 if count > 1 else 1
    return [k for k in range(max(least, low), min(high, low + 10_000) + 1) if k != count]
