"""Read the final number out of a solution of a word problem.

The last of the marks `ANSWER:`, `####` and `\\boxed{}` that is followed by a number says where it
is; without any, it is the last number of the text. Numbers are compared by value.
"""

from __future__ import annotations

import re
from fractions import Fraction

from ptb_lite.evaluation.answer_text import after_thinking, boxed, numbers, shown

_MARK = re.compile(r"(?:answer\s*(?:\*\*|__)?\s*[:：]|####)([^\n]*)", re.IGNORECASE)

# 70 000, 70'000: where an answer is marked, either before three digits groups them.
_SPACED = re.compile(r"(?<=[0-9])[ '\u2019](?=[0-9]{3}(?![0-9]))")

# In a sentence two numbers may follow each other, but none begins with a zero: 70 000 is one.
_SPACED_ZEROS = re.compile(
    r"(?<![0-9.,])[1-9][0-9]{0,2}(?=(?:[ ][0-9]{3})*[ ]0)(?:[ ][0-9]{3})+(?![0-9])"
    r"|(?<![0-9.,])[1-9][0-9]{0,2}(?:['\u2019][0-9]{3})+(?![0-9])"
)

_HEDGE = re.compile(r"(?<=[0-9])\s*(?:[-–—]|\bor\b|\bto\b)\s*(?=[$€£]?\s?[0-9])")


def extract(completion: str) -> str | None:
    """The answer as text, None when there is no number at all."""
    value = final_number(completion)
    return None if value is None else shown(value)


def final_number(completion: str) -> Fraction | None:
    """The answer as a number."""
    text = after_thinking(completion)
    marked = [value for value in map(_of_line, _marked(text)) if value is not None]
    if marked:
        return marked[-1]
    found = numbers(_SPACED_ZEROS.sub(lambda one: re.sub(r"[^0-9]", "", one[0]), text))
    return found[-1] if found else None


def is_correct(completion: str, target: str) -> bool:
    """Whether the answer equals `target`, a number that may have thousands separators."""
    wanted = numbers(target)
    return bool(wanted) and final_number(completion) == wanted[-1]


def _marked(text: str) -> list[str]:
    """What follows each mark, in the order of the marks."""
    lines = [(match.start(), match.group(1)) for match in _MARK.finditer(text)]
    place = -1
    for content in boxed(text):
        place = text.index(content, place + 1)
        lines.append((place, content))
    return [content for _, content in sorted(lines, key=lambda found: found[0])]


def _of_line(line: str) -> Fraction | None:
    """The first number after the last equals sign: `3 * 6 = 18 dollars for 2 days` says 18. Of
    `135 or 136` and `110-112` the last counts, as in the reference: nobody gains by two answers."""
    line = _SPACED.sub("", line)
    after = line.rpartition("=")[2]
    choices = [numbers(part) for part in _HEDGE.split(after)]
    while len(choices) > 1 and len(choices[0]) == 1 and choices[1]:
        del choices[0]
    found = choices[0] if len(choices) == 1 else numbers(after)
    found = found or numbers(line)
    return found[0] if found else None
