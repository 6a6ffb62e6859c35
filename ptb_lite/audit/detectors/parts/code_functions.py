"""The functions that stand in a text, in a program as in a literal or a line of JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MAX_FUNCTION = 6000
DEF = re.compile(r"\bdef\s+(\w+)\s*\(")


def functions(text: str) -> Iterator[tuple[int, str, str]]:
    """Every function in a text: where it begins, its name, and its text (with what follows, up to
    the next one)."""
    # In a literal or in JSON the program's own quotes are escaped: one character for two, so that
    # places stay where they are.
    text = text.replace('\\"\\"\\"', '   """').replace("\\'\\'\\'", "   '''")
    text = text.replace("\\'", " '").replace('\\"', ' "')
    starts = list(DEF.finditer(text))
    for number, match in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        yield match.start(), match[1], text[match.start() : min(end, match.start() + _MAX_FUNCTION)]
