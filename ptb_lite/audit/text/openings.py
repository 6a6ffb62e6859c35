"""Look-up tables by how a question begins: its first words, and its answer right behind them.

Nobody writes the beginnings of several test questions with their answers in the place of what
comes next. A beginning is as long as no other item begins with; how far a table's keys go on is
open, as long as they go on as the question does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ptb_lite.audit.text.normal import squeeze
from ptb_lite.audit.text.phrases import Wanted, plain

_LETTERS = 16
_LONGER = 8
_BEHIND = 80
_MAX_ANSWER = 40
_SEPARATED = re.compile(rb"[\"'`\t|=:;,>]")
_END = re.compile(rb"[^\w.%$]+$")


@dataclass(frozen=True)
class Opening:
    """How a question begins and goes on, as `squeeze` leaves it, and its answer."""

    index: int
    goes_on: bytes
    answer: re.Pattern[bytes]

    def is_answered(self, behind: bytes) -> bool:
        """Whether a `readable` text that follows the beginning gives the answer instead of the
        rest of the question."""
        behind = behind[:_BEHIND].split(b"\n", 1)[0]
        for match in self.answer.finditer(behind):
            before = behind[: match.start()]
            mark = _END.search(before)
            if mark is None or not _SEPARATED.search(mark[0]):
                continue
            key = squeeze(before[: mark.start()])
            if self.goes_on.startswith(key) and len(key) < len(self.goes_on):
                return True
        return False


def openings(wanted: Sequence[Wanted]) -> dict[bytes, Opening]:
    """The openings of questions with short answers that no two items share."""
    texts = [squeeze(plain(one.item.question).encode()) for one in wanted]
    counts = Counter(text[:_LETTERS] for text in texts)
    found = {}
    for index, (one, text) in enumerate(zip(wanted, texts, strict=True)):
        answer = plain(one.item.target.rpartition("####")[2].strip())
        start = text[:_LETTERS]
        if len(text) < _LETTERS + _LONGER or counts[start] > 1:
            continue
        if answer and len(answer) <= _MAX_ANSWER:
            pattern = re.compile(rb"(?<![\w.])" + re.escape(answer.encode()) + rb"(?!\.?\w)")
            found[start] = Opening(index, text[_LETTERS:], pattern)
    return found
