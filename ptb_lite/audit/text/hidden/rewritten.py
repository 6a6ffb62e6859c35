"""Texts that are written another way than items are: numbers as words, HTML and URL escapes,
quoted-printable. Of each, the lines around what is written so, undone."""

from __future__ import annotations

import html
import quopri
import re
import urllib.parse
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from ptb_lite.audit.text.normal import LINE_BREAK

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

REACH = 4096
"""How far an item may reach from one of its words, in bytes: pieces of a file overlap as much."""
_MARKUP = re.compile(rb"[<&]")
_TAG = re.compile(rb"<[^<>]{0,200}>")
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_QUOTED = re.compile(rb"=(?:20|\n)")
# A line of quoted-printable has 76 characters at the most, and what is no last line ends in a mark.
_QUOTED_APART = 160
_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
NUMBER_WORDS = {word: n for n, word in enumerate(_UNITS)} | {
    word: 10 * n for n, word in enumerate(_TENS, start=2)
}
_VALUES = tuple(NUMBER_WORDS.values())
_OFTEN = (b" seven ", b" eight ", b" nine ", b" six ")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True)
class Hidden:
    """Decoded texts, one after the other in `text`, and where in the file each was found."""

    text: bytes
    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def offset_of(self, position: int) -> int:
        """The place in the file of what stands at `position` of `text`."""
        return self.offsets[max(0, bisect_right(self.starts, position) - 1)]


def unmarked(raw: bytes) -> Iterator[Hidden]:
    """Without tags and HTML's escapes."""
    if raw.count(b"&") > 4 and (raw.count(b"&#") > 4 or raw.count(b"&quot;") > 4):
        yield from _by_line(raw, _MARKUP, _without_markup)


def _without_markup(line: bytes) -> bytes:
    return html.unescape(_TAG.sub(b" ", line).decode("utf-8", "replace")).encode("utf-8", "replace")


def unquoted(raw: bytes) -> Iterator[Hidden]:
    """Of quoted-printable. Marks that stand alone are sums: "4 * 5=20"."""
    if b"=20" not in raw or raw.count(b"=20") + raw.count(b"=\n") <= 4:
        return
    marks = [match.span() for match in _QUOTED.finditer(raw)]
    alone = [
        after[0] - mark[1] > _QUOTED_APART
        for mark, after in pairwise(((0, -REACH), *marks, (len(raw) + REACH, 0)))
    ]
    near = [mark for mark, two in zip(marks, pairwise(alone), strict=True) if not all(two)]
    for start, end in _around(raw, near):
        yield Hidden(quopri.decodestring(raw[start:end]), (0,), (start,))


def unescaped(raw: bytes) -> Iterator[Hidden]:
    """Of URL escapes."""
    if len(_PERCENT.findall(raw[: 1 << 16])) > 8:
        yield from _by_line(raw, _PERCENT, urllib.parse.unquote_to_bytes)


def _by_line(
    raw: bytes, marks: re.Pattern[bytes], change: Callable[[bytes], bytes]
) -> Iterator[Hidden]:
    """The lines around `marks`, changed, so that each keeps its place."""
    for start, end in _around(raw, [match.span() for match in marks.finditer(raw)]):
        lines = raw[start:end].split(b"\n")
        # A line end that comes out of an escape is none of the file's.
        changed = [change(line).replace(b"\n", LINE_BREAK) for line in lines]
        if changed != lines:
            yield _in_place(b"\n".join(changed), raw, start, end)


def _in_place(text: bytes, raw: bytes, start: int, end: int) -> Hidden:
    """A text that has as many lines as `raw[start:end]`, which it was made of."""
    return Hidden(text, tuple(_line_starts(text, 0)), tuple(_line_starts(raw[start:end], start)))


def _line_starts(text: bytes, first: int) -> Iterator[int]:
    return accumulate((len(line) + 1 for line in text.split(b"\n")[:-1]), initial=first)


def _around(raw: bytes, places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The parts of a text, in whole lines, that have the places, which are in order, and as much
    around them as an item may reach: the rest stands in the file as it is."""
    begin = end = -1
    for first, last in places:
        if last + REACH <= end or end == len(raw):
            continue
        start = raw.rfind(b"\n", 0, max(0, first - REACH)) + 1
        if start > end >= 0:
            yield begin, end
        if start > end:
            begin = start
        stop = raw.find(b"\n", last + REACH)
        end = len(raw) if stop < 0 else stop
    if end >= 0:
        yield begin, end


def with_digits(raw: bytes) -> Iterator[Hidden]:
    """Numbers that are written as words, also digit by digit, as digits."""
    often, words = _automata()
    if len(often.find_matches_as_indexes(raw, overlapping=True)) <= 3:
        return
    lower = raw.lower()
    numbers = list(_spelled(lower, words.find_matches_as_indexes(lower, overlapping=True)))
    at = 0
    for start, end in _around(lower, [(first, last) for first, last, _ in numbers]):
        parts: list[bytes] = []
        done = start
        while at < len(numbers) and numbers[at][0] < end:
            first, last, digits = numbers[at]
            parts += (lower[done:first], digits)
            done, at = last, at + 1
        yield _in_place(b"".join((*parts, lower[done:end])), lower, start, end)


def _spelled(
    lower: bytes, found: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[int, int, bytes]]:
    """Start, end and digits of every number in words among what is `found` of `NUMBER_WORDS`;
    words with blanks or hyphens between them are one number."""
    begin = end = -1
    values: list[int] = []
    for number, start, stop in found:
        if (start and lower[start - 1] in _WORD) or (stop < len(lower) and lower[stop] in _WORD):
            continue
        if not values or start == end or lower[end:start].strip(b" -"):
            if values:
                yield begin, end, spelled_number(values).encode()
            begin, values = start, []
        values.append(_VALUES[number])
        end = stop
    if values:
        yield begin, end, spelled_number(values).encode()


@lru_cache(maxsize=1)
def _automata() -> tuple[BytesAhoCorasick, BytesAhoCorasick]:
    """What tells that numbers are often written as words, and these words."""
    from ahocorasick_rs import BytesAhoCorasick

    return BytesAhoCorasick(_OFTEN), BytesAhoCorasick([word.encode() for word in NUMBER_WORDS])


def spelled_number(values: Sequence[int]) -> str:
    """The words "forty", "two" are 42; "one", "two" are 12, digit by digit."""
    if len(values) == 2 and values[0] >= 20 and 0 < values[1] < 10:
        return str(sum(values))
    return "".join(map(str, values))


WAYS: tuple[Callable[[bytes], Iterator[Hidden]], ...] = (
    unmarked,
    unquoted,
    unescaped,
    with_digits,
)
"""Each gives of a text the parts that are written so, undone."""
