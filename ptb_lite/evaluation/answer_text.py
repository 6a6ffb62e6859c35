"""What the readers of answers share: bounds, thinking set apart, and numbers in text.

Pure functions. A completion is untrusted: it is cut to its last `MAX_COMPLETION` characters, and
every pattern here takes time linear in that.
"""

from __future__ import annotations

import re
from fractions import Fraction

MAX_COMPLETION = 100_000
_MAX_DIGITS = 60
_BYTE_ORDER_MARK = "\ufeff"
_THOUGHT_ENDS = "</think>"
# A sign belongs to a number only where no word, number or bracket ends right before it: in
# "20-18" the hyphen is an operation. Digits are ASCII: 5² is 25.
_NUMBER = re.compile(
    r"(?:(?<![\w.)\]])|(?<=[Rr]s\.))(?:(?P<sign>[-+−])\s?)?"
    r"(?:(?:[$€£¥₹]|[Rr]s\.?|USD|EUR|GBP|INR|RM)\s?)?(?P<sign_after>[-−])?"
    r"(?P<digits>(?:[0-9]{1,3}(?:[,_   ][0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
    r"|\.[0-9]+)(?:[eE](?P<power>[-+]?[0-9]{1,2})(?!\w))?(?P<raised>[²³])?"
    r"(?:\s?/\s?(?P<below>[0-9]+)(?![0-9.,/]))?"
)
_LATEX_SPACES = re.compile(r"\\[,;!: ]|\\(?:dollar|\$|text|mathrm|mathbf|displaystyle)(?![a-z])|~")
_POWER_OF_TEN = re.compile(
    r"(?<=[0-9])\s*(?:\\times|\\cdot|[×·*x])\s*10\s*(?:\^|\*\*)\s*"
    r"(?:\{(?P<braced>[-+]?[0-9]{1,2})\}|(?P<bare>[-+]?[0-9]{1,2})(?![0-9]))"
)
_LATEX_FRACTION = re.compile(r"\\[dt]?frac\s*\{([0-9]+)\}\s*\{([0-9]+)\}")


def after_thinking(completion: str) -> str:
    """The completion without what a reasoning model wrote for itself, cut to its end."""
    return completion[-MAX_COMPLETION:].rpartition(_THOUGHT_ENDS)[2].lstrip(_BYTE_ORDER_MARK)


def numbers(text: str) -> list[Fraction]:
    """Every number of `text` in order, exactly: 1,234.5, 43_200, $3, Rs.3, -2, 7e4, 7 × 10^4,
    4² and 3/4 are numbers."""
    plain = _POWER_OF_TEN.sub(r"e\g<braced>\g<bare>", text.replace("{,}", ","))
    plain = _LATEX_FRACTION.sub(r"\1/\2", _LATEX_SPACES.sub("", plain))
    values = map(_value, _NUMBER.finditer(plain))
    return [value for value in values if value is not None]


def boxed(text: str) -> list[str]:
    """The contents of every closed \\boxed{...} in order, braces matched."""
    found = []
    for start in re.finditer(r"\\(?:boxed|fbox)\s*\{", text):
        depth = 1
        for place in range(start.end(), min(len(text), start.end() + 2000)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                found.append(text[start.end() : place])
                break
    return found


def shown(value: Fraction) -> str:
    """A number as text: whole ones without a point, others exactly."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal = format(float(value), ".12g")
    return decimal if Fraction(decimal) == value else f"{value.numerator}/{value.denominator}"


def _value(match: re.Match[str]) -> Fraction | None:
    """None for a number too long to be an answer, and for one divided by nothing."""
    if len(match.group()) > _MAX_DIGITS:
        return None
    value, below = Fraction(re.sub(r"[^0-9.]", "", match["digits"])), match["below"]
    value *= Fraction(10) ** int(match["power"] or 0)
    if match["raised"]:
        value **= 2 if match["raised"] == "²" else 3
    if below is not None:
        if int(below) == 0:
            return None
        value /= int(below)
    negative = match["sign"] in ("-", "−") or match["sign_after"] is not None
    return -value if negative else value
