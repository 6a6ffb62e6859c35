"""Test items by their numbers and names, in whatever words and whatever language.

An item's mark are the numbers of its question, which must stand next to each other among the
numbers of a row (in any order: a translation may turn a sentence round), and its names. How much
that says is counted in bits: of a number by how rare it is among the items, less what the order
would have said; of a name, if it stands in the row, by how many items have it. A mark counts from
`LEAST_BITS` on. Of GSM8K's 7,473 train rows, two meet one of the 1,319 test items so far by chance;
with more rows more is needed, one bit for each doubling.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from ptb_lite.audit.text.hidden.rewritten import NUMBER_WORDS, spelled_number

LEAST_BITS = 20.0
ROWS = 5000
_FEWEST = 3
_MOST = 40
_MOST_IN_ROW = 400
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[a-zA-Z]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"\b[A-Z][a-z]+\b")
_SMALL_WORD = re.compile(r"\b[a-z]+\b")
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")


def number(text: str) -> str:
    """A number's one form: `1,000`, `1000.0` and `1000` are the same, `2,5` is `2.5`."""
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    text = text.replace(",", "")
    if text.count(".") == 1:
        whole, _, part = text.partition(".")
        # 1.500 is how other languages write 1,500.
        text = whole + part if len(part) == 3 and part != "000" else text.rstrip("0").rstrip(".")
    return text.lstrip("0") or "0"


def digits(text: str) -> list[str]:
    """The numbers that stand in digits, in order."""
    return [number(found) for found in _NUMBER.findall(text)]


def digits_and_words(text: str) -> list[str]:
    """All numbers in order, also those that stand in (English) words."""
    found: list[str] = []
    spelled: list[int] = []
    for token in [*_TOKEN.findall(text), ""]:
        value = NUMBER_WORDS.get(token.lower())
        if value is not None:
            spelled.append(value)
            continue
        if spelled:
            found.append(spelled_number(spelled))
            spelled = []
        if token[:1].isdigit():
            found.append(number(token))
    return found


class NumberMarks:
    """The marks of one benchmark's items; `handed` rows help to tell how rare a number is."""

    def __init__(self, items: Sequence[str], handed: Sequence[str] = ()) -> None:
        texts = [*items, *handed]
        self._counts = Counter(n for text in texts for n in digits_and_words(text))
        self._all = max(1, sum(self._counts.values()))
        small = {word for text in texts for word in _SMALL_WORD.findall(text)}
        named = [{w for w in _NAME.findall(text) if w.lower() not in small} for text in texts]
        with_name = Counter(name for names in named for name in names)
        self._name_bits = {w: math.log2(len(texts) / n) for w, n in with_name.items()}
        self._names = named[: len(items)]
        self._by_mark: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._bits: dict[tuple[str, ...], float] = {}
        for at, text in enumerate(items):
            for found in {tuple(digits(text)), tuple(digits_and_words(text))}:
                if _FEWEST <= len(found) <= _MOST:
                    mark = tuple(sorted(found))
                    self._by_mark[mark].append(at)
                    self._bits[mark] = self._of(mark)
        # Of the numbers of a mark, in any order, the sum of their hashes: one look at each stretch.
        self._sums: dict[int, set[int]] = defaultdict(set)
        for mark in self._by_mark:
            self._sums[len(mark)].add(sum(map(hash, mark)))

    @property
    def searchable(self) -> int:
        """How many items have a mark that is rare enough with all their names."""
        return len(
            {
                at
                for mark, found in self._by_mark.items()
                for at in found
                if self._bits[mark] + self._named(at, self._names[at]) >= LEAST_BITS
            }
        )

    def found(self, text: str) -> dict[int, float]:
        """The items whose mark a row has, each with its bits; those below `LEAST_BITS` left out."""
        names: set[str] | None = None
        found: dict[int, float] = {}
        for numbers in {tuple(digits(text)), tuple(digits_and_words(text))}:
            if not _FEWEST <= len(numbers) <= _MOST_IN_ROW:
                continue
            sums = [*accumulate(map(hash, numbers), initial=0)]
            for size, wanted in self._sums.items():
                stretches = list(map(sub, sums[size:], sums))
                if wanted.isdisjoint(stretches):
                    continue
                for start in (at for at, one in enumerate(stretches) if one in wanted):
                    mark = tuple(sorted(numbers[start : start + size]))
                    for at in self._by_mark.get(mark, ()):
                        names = set(_NAME.findall(text)) if names is None else names
                        bits = self._bits[mark] + self._named(at, names)
                        if bits >= LEAST_BITS:
                            found[at] = max(found.get(at, 0.0), bits)
        return found

    def _of(self, mark: tuple[str, ...]) -> float:
        rare = sum(-math.log2(self._counts[n] / self._all) for n in mark)
        return rare - math.lgamma(len(mark) + 1) / math.log(2)

    def _named(self, at: int, names: set[str]) -> float:
        return sum(self._name_bits[name] for name in self._names[at] & names)


def bits_needed(rows: int) -> float:
    """By how many rows are searched."""
    return LEAST_BITS + math.log2(max(1.0, rows / ROWS))
