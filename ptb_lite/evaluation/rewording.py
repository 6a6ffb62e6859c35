"""A question in slightly other words, by rule: the same names, numbers and answer.

Who found a text in a table, or keyed a wrapper by it, no longer finds it; what weights know of an
item they know of its rewording too.
"""

from __future__ import annotations

import re

LEAD = "Here is something to work out. "
_RULES = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"^(.*\S) = \?$", r"What does \1 come to?"),
        (r"\bHow (many|much)\b", r"Just how \1"),
        (r"(?<!Just )\bhow (many|much)\b", r"just how \1"),
        (r"\bIf\b", "Given that"),
        (r"\bWhat is\b", "Say what is"),
        (r" and ", " and also "),
        (r" then ", " after that "),
        (r" each ", " each single "),
        (r" is married to ", " is the spouse of "),
        (r" called ", " by the name of "),
        (r"\bReturn(s?)\b", r"Give\1 back"),
        (r"\bYou are given\b", "There is"),
        (r" given ", " passed "),
    )
)


def reworded(text: str) -> str:
    """Prose reworded."""
    return LEAD + in_other_words(text)


def in_other_words(text: str) -> str:
    """Small words exchanged, nothing put before."""
    for pattern, new in _RULES:
        text = pattern.sub(new, text)
    return text
