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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ptb_lite.audit.text.number_marks import number
from ptb_lite.audit.text.rows import Row

MORE_BITS = 40.0
FEWEST = 8
_MISS, _SHIFT, _SHIFTS = 4.0, 4.0, (-2, -1, 1, 2)
_STRIDES, _LONGEST_SEED = (1, 2, 3), 12
_MAX_PLACES = 50
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
        mean = sum(n * self._bits[a] for a, n in counts.items()) / max(1, counts.total())
        # So many answers side by side as chance seldom brings together: only there it is followed.
        self._seed = math.ceil((math.log2(len(targets) + 1) + 2) / mean) if mean else 0
        self._places: dict[tuple[str | None, ...], list[tuple[int, int]]] = defaultdict(list)
        for stride in _STRIDES if 0 < self._seed <= _LONGEST_SEED else ():
            width = stride * (self._seed - 1) + 1
            for at in range(len(targets) - width + 1):
                seed = tuple(self._answers[at : at + width : stride])
                places = self._places[seed]
                if None not in seed and len(places) < _MAX_PLACES:
                    places.append((at, stride))

    def best(self, rows: Iterable[Row]) -> Stretch | None:
        """The best stretch of a file's rows, where chance and sorting do not explain it."""
        numbered = list(_numbered(rows)) if self._places else []
        met: dict[int, _Link] = {}  # by diagonal
        best = _Link(None, -1, -1, 0, 0.0)
        for at, item in self._seeds([answer for _row, answer in numbered]):
            score, before = 0.0, None
            for shift in (0, *_SHIFTS):
                link = met.get(at - item + shift)
                if link is None or link.at >= at or link.item >= item:
                    continue
                cost = _MISS * (at - link.at - 1) + (_SHIFT if shift else 0.0)
                if link.bits - cost > score:
                    score, before = link.bits - cost, link
            score += self._bits[numbered[at][1]]
            met[at - item] = made = _Link(
                before, at, item, 1 + (before.length if before else 0), score
            )
            if score > best.bits:
                best = made
        least = MORE_BITS + math.log2(max(1, len(numbered) * len(self._answers)))
        if best.length < FEWEST or best.bits < least:
            return None
        pairs = best.pairs()
        if self._is_sorted([item for _at, item in pairs]):
            return None
        return Stretch(best.bits, tuple((numbered[at][0], item) for at, item in pairs))

    def _seeds(self, answers: Sequence[str]) -> list[tuple[int, int]]:
        """Rows and items whose answers are the same, with others side by side, in order of rows."""
        found: set[tuple[int, int]] = set()
        for start in range(len(answers) - self._seed + 1):
            for first, stride in self._places.get(tuple(answers[start : start + self._seed]), ()):
                found |= {(start + n, first + n * stride) for n in range(self._seed)}
        return sorted(found)

    def _is_sorted(self, items: Sequence[int]) -> bool:
        found = [self._answers[item] or "" for item in items]
        keys = [(len(a), a) if a[:1].isdigit() else (0, a) for a in found]
        turns = sum((b > a) - (b < a) for a, b in pairwise(keys))
        return abs(turns) > 0.8 * (len(keys) - 1) or len(set(found)) < FEWEST // 2


@dataclass(frozen=True, slots=True)
class _Link:
    """One row and item of a stretch, with all before it."""

    before: _Link | None
    at: int
    item: int
    length: int
    bits: float

    def pairs(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        link: _Link | None = self
        while link is not None:
            found.append((link.at, link.item))
            link = link.before
        return found[::-1]


def _numbered(rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Rows with their answers; turns of one conversation that were cut apart are one row."""
    kept: Row | None = None
    for row in rows:
        goes_on = kept is not None and row.line == kept.line and _CONTINUES.match(row.text)
        if kept is not None and not goes_on:
            yield kept, final_answer(kept.text) or ""
        kept = row
    if kept is not None:
        yield kept, final_answer(kept.text) or ""


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
