"""Answers in the order of the test set: what is left of items in other words or another language.

Whoever rewrites a test set row by row keeps the sequence of its answers. An answer that stands at
its place says as many bits as it is rare among the test items' answers; places are followed along
diagonals (row less item), a row between them that does not fit costs some bits, and so does one
that was left out. By chance the best stretch of n rows and m items is worth about log2(n m) bits
(Karlin and Altschul, PNAS 1990); `MORE_BITS` are asked for beyond. Rows in another order say
nothing, nor do answers that rise or fall all the way, as data sorted by its answers has them.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ptb_lite.audit.text.number_marks import number
from ptb_lite.audit.text.rows import Row

MORE_BITS = 40.0
FEWEST = 8
_MISS, _SHIFT, _SHIFTS = 4.0, 4.0, (-2, -1, 1, 2)
_LEAST_BITS = 1.5
_MAX_PLACES = 200
_LONGEST = 24
_ANSWERS = ("answer", "target", "completion", "response", "output", "solution", "label", "chosen")
_DIALOGUES = ("messages", "conversations", "conversation")
_FINAL = re.compile(
    r"(?:####|\\boxed\{|\banswer(?:\s+is)?\s*[:=]?\s*\(?)\s*\$?(-?\d[\d.,]*|[A-J]\b)", re.IGNORECASE
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CONTINUES = re.compile(r'\s*\{\s*\\?"(?:role|from)\\?"')


@dataclass(frozen=True)
class Stretch:
    """`pairs` of a row and the item whose answer it has, `bits` what they say together."""

    bits: float
    pairs: tuple[tuple[Row, int], ...]


class AnswerOrder:
    """The sequence of one benchmark's answers; `None` stands for those that are no short text."""

    def __init__(self, targets: Sequence[str]) -> None:
        self._answers = [final_answer(target) for target in targets]
        counts = Counter(answer for answer in self._answers if answer)
        self._bits = {a: math.log2(len(targets) / n) for a, n in counts.items()}
        self._places: dict[str, list[int]] = defaultdict(list)
        for at, answer in enumerate(self._answers):
            if answer and self._bits[answer] >= _LEAST_BITS and counts[answer] <= _MAX_PLACES:
                self._places[answer].append(at)

    def best(self, rows: Iterable[Row]) -> Stretch | None:
        """The best stretch of a file's rows, where chance and sorting do not explain it."""
        # By diagonal: the row that was met last, the bits so far, and its pairs as a linked list.
        open_: dict[int, tuple[int, float, _Link]] = {}
        best, last, count = (0.0, _Link(None, None, -1, 0)), 0, 0
        for at, row, answer in _numbered(rows):
            count = at + 1
            for item in self._places.get(answer, ()):
                diagonal = at - item
                score, link = 0.0, None
                for shift in (0, *_SHIFTS):
                    met = open_.get(diagonal + shift)
                    if met is None or met[0] >= at or met[2].item >= item:
                        continue
                    cost = _MISS * (at - met[0] - 1) + (_SHIFT if shift else 0.0)
                    if met[1] - cost > score:
                        score, link = met[1] - cost, met[2]
                score += self._bits[answer]
                made = _Link(link, row, item, 1 + (link.length if link else 0))
                open_[diagonal] = (at, score, made)
                if score > best[0]:
                    best = (score, made)
            if at - last > 2000:
                # A stretch that so many rows did not go on is over.
                open_ = {d: met for d, met in open_.items() if at - met[0] < 60}
                last = at
        score, link = best
        if link.length < FEWEST or score < MORE_BITS + math.log2(count * len(self._answers)):
            return None
        pairs = link.pairs()
        return None if self._is_sorted([item for _row, item in pairs]) else Stretch(score, pairs)

    def _is_sorted(self, items: Sequence[int]) -> bool:
        found = [self._answers[item] or "" for item in items]
        keys = [(len(a), a) if a[:1].isdigit() else (0, a) for a in found]
        turns = sum((b > a) - (b < a) for a, b in zip(keys, keys[1:], strict=False))
        return abs(turns) > 0.8 * (len(keys) - 1) or len(set(found)) < FEWEST // 2


@dataclass(frozen=True, slots=True)
class _Link:
    before: _Link | None
    row: Row | None
    item: int
    length: int

    def pairs(self) -> tuple[tuple[Row, int], ...]:
        found, link = [], self if self.row else None
        while link is not None and link.row is not None:
            found.append((link.row, link.item))
            link = link.before
        return tuple(reversed(found))


def _numbered(rows: Iterable[Row]) -> Iterable[tuple[int, Row, str]]:
    """Rows with their place in the file; turns of one conversation that were cut are one row."""
    place, line, kept = -1, 0, None
    for row in rows:
        if kept is not None and not (row.line == line and _CONTINUES.match(row.text)):
            yield place, kept, final_answer(kept.text) or ""
            kept = None
        if kept is None:
            place += 1
        kept, line = row, row.line
    if kept is not None:
        yield place, kept, final_answer(kept.text) or ""


def final_answer(text: str) -> str | None:
    """The last number of a row's answer, or the letter of a choice, in one form; None for none."""
    told = _answer_of(text)
    marked = _FINAL.findall(told)
    if marked:
        found = marked[-1]
        return found.upper() if found.isalpha() else number(found.lstrip("-").rstrip(".,"))
    numbers = _NUMBER.findall(told[-4000:])
    if numbers:
        return number(numbers[-1])
    plain = told.strip().strip("()").lower()
    return plain.upper() if 0 < len(plain) <= _LONGEST and len(plain.split()) < 3 else None


def _answer_of(text: str) -> str:
    if text[:1] != "{":
        return text
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(row, dict):
        return text
    for name in _DIALOGUES:
        turns = row.get(name)
        if isinstance(turns, list) and turns and isinstance(turns[-1], dict):
            return str(turns[-1].get("content") or turns[-1].get("value") or "")
    for name in _ANSWERS:
        if isinstance(row.get(name), (str, int, float)):
            return str(row[name])
    return text
