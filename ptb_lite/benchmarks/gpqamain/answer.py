"""Read the letter of a choice out of a completion.

The last of the marks `ANSWER: C`, `answer is (C)` and `\\boxed{C}`; without any, a completion that
begins with the letter and nothing else before it (`C`, `(C) because ...`).
"""

from __future__ import annotations

import re

from ptb_lite.evaluation.answer_text import after_thinking

LETTERS = "ABCD"
# Upper case only where no punctuation sets the letter off: "answer: a number" is no choice.
_MARK = re.compile(
    r"(?i:answer|choice|option)(?:\s+(?i:is|are|would\s+be|choice|option))*\s*[*_]*\s*[:：]?[\s*_$]*"
    r"(?:\\boxed\s*\{\s*)?(?:\\text\s*\{\s*)?(?:\(\s*(?P<inside>[A-Da-d])\s*\)|(?P<bare>[A-D])(?![\w'’]))"
    r"|\\boxed\s*\{\s*(?:\\(?:text|mathrm|mathbf)\s*\{\s*)?\(?\s*(?P<boxed>[A-D])\s*\)?\s*\}"
)
_FIRST = re.compile(r"[\s*_]*(?:\(\s*([A-Da-d])\s*\)|([A-D])(?=[\s.):*_,;]|$)(?!\s+[a-z]))")


def extract(completion: str) -> str | None:
    """The letter in upper case; None when none can be made out."""
    text = after_thinking(completion)
    marked = [next(filter(None, match.groups())) for match in _MARK.finditer(text)]
    if marked:
        return str(marked[-1]).upper()
    first = _FIRST.match(text)
    return str(first[1] or first[2]).upper() if first else None


def is_correct(completion: str, target: str) -> bool:
    """Whether the choice is the letter `target`."""
    return extract(completion) == target
