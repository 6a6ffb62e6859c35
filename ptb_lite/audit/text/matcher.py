"""Finds all wanted phrases in one pass over a text, then checks each match in its surroundings.

One Aho-Corasick automaton (Aho and Corasick 1975; the Rust crate through `ahocorasick_rs`) runs
over the squeezed text, so the cost does not grow with the number of items. What it finds there is
looked at again in the readable text: "57 + 87" inside "57 + 87 + 70" or "157 + 87" is no match.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from ahocorasick_rs import BytesAhoCorasick

from ptb_lite.audit.text.normal import positions, squeeze
from ptb_lite.audit.text.openings import openings
from ptb_lite.audit.text.phrases import NUMBER, Phrase, Wanted

MIN_CONTAINMENT = 0.5
"""Share of a long item's pieces that must be found close together, at the least."""
_LONG_ENOUGH_RESPACED = 24
_RESPACED_SIMILARITY = 0.95
_CONTEXT = 48
_ANSWERED = 0.9
Mode = Literal["reversed", "rot13"]
_MODES: tuple[Mode, ...] = ("reversed", "rot13")
_SCOUTS = 4
_SCOUT_LETTERS = 10
_ROT13 = bytes(
    codecs.encode(chr(code), "rot13").encode()[0] if code < 128 else code for code in range(256)
)
_ARITHMETIC = frozenset((b"+", b"-", b"*", b"/", b"^", b"%"))
_LETTER_NEXT = re.compile(rb" +[a-zA-Z\x80-\xff]")
_LETTER_BEFORE = re.compile(rb"[a-zA-Z\x80-\xff] +$")
_AFTER = re.compile(rb"[ )]*([^\w\s)]?)[ (]*([\w\-]?)")
_BEFORE = re.compile(rb"([\w)]?)[ )]*([^\w\s(]?)([ (]*)$")


@dataclass(frozen=True)
class Hit:
    """Item number `index` was found at byte `start` of the text; `similarity` in (0, 1]; `turned`
    when it stands there backwards, in rot13, or as a key of a table of answers."""

    index: int
    start: int
    similarity: float
    turned: bool = False


class Matcher:
    """Searches for many items at once. `thresholds` are the least containment of long items, by
    benchmark and id (an empty id: of all others), where it is more than `MIN_CONTAINMENT`."""

    def __init__(
        self, wanted: Sequence[Wanted], thresholds: Mapping[tuple[str, str], float] | None = None
    ) -> None:
        self._wanted = [(want.item.benchmark, want.item.id) for want in wanted]
        self._least = self._least_of(thresholds or {})
        whole: dict[bytes, list[tuple[int, Phrase]]] = defaultdict(list)
        pieces: dict[bytes, list[int]] = defaultdict(list)
        for index, want in enumerate(wanted):
            for phrase in want.phrases:
                whole[phrase.pattern].append((index, phrase))
            for gram in set(want.grams):
                pieces[gram].append(index)
        patterns = sorted({*whole, *pieces})
        # By a pattern's number, since a text of the benchmark's kind has ten thousand a megabyte.
        self._whole = {n: whole[one] for n, one in enumerate(patterns) if one in whole}
        self._pieces = {n: pieces[one] for n, one in enumerate(patterns) if one in pieces}
        self._first_scout = len(patterns)
        scouts = {one: mode for one, mode in _scouts(wanted) if one not in whole}
        self._modes = list(scouts.values())
        patterns += scouts
        self._first_opening = len(patterns)
        known = {*patterns}
        starts = sorted(
            (start, opening) for start, opening in openings(wanted).items() if start not in known
        )
        self._openings = [opening for _, opening in starts]
        patterns += (start for start, _ in starts)
        self._lengths = [len(squeeze(want.core.encode())) for want in wanted]
        self._piece_counts = [len(set(want.grams)) for want in wanted]
        self._automaton = BytesAhoCorasick(patterns) if patterns else None

    def held_to(self, thresholds: Mapping[tuple[str, str], float]) -> Matcher:
        """The same search with other thresholds. It shares the automaton, which takes the time."""
        changed = copy(self)
        changed._least = self._least_of(thresholds)
        return changed

    def _least_of(self, thresholds: Mapping[tuple[str, str], float]) -> list[float]:
        return [
            thresholds.get((benchmark, name), thresholds.get((benchmark, ""), MIN_CONTAINMENT))
            for benchmark, name in self._wanted
        ]

    def search(self, text: bytes, found: set[int]) -> list[Hit]:
        """Hits in a `readable` text, also in one that is written backwards or in rot13, at most
        one an item; items in `found` are passed over and the new ones added to it."""
        matches = self._matches(text)
        if not matches:
            return []
        hits = self._forward(text, matches, found)
        first, end = self._first_scout, self._first_opening
        for mode in {self._modes[n - first] for n, *_ in matches if first <= n < end}:
            turned = turn(text, mode)
            for hit in self._forward(turned, self._matches(turned), found):
                start = len(text) - hit.start - 1 if mode == "reversed" else hit.start
                hits.append(Hit(hit.index, max(0, start), hit.similarity, True))
        return hits

    def _forward(
        self, text: bytes, matches: list[tuple[int, int, int]], found: set[int]
    ) -> list[Hit]:
        offsets = positions(text)
        hits: list[Hit] = []
        for number, start, end in matches:
            if number >= self._first_opening:
                opening = self._openings[number - self._first_opening]
                last = int(offsets[end - 1]) + 1
                if opening.index not in found and opening.is_answered(text[last : last + 80]):
                    found.add(opening.index)
                    hits.append(Hit(opening.index, int(offsets[start]), _ANSWERED, True))
                continue
            for index, phrase in self._whole.get(number, ()):
                if index in found:
                    continue
                first, last = int(offsets[start]), int(offsets[end - 1]) + 1
                similarity = _compare(text, first, last, phrase)
                if similarity:
                    found.add(index)
                    hits.append(Hit(index, first, similarity))
        for index, (start, share) in self._contained(matches, found, self._least).items():
            if share >= self._least[index]:
                found.add(index)
                hits.append(Hit(index, int(offsets[start]), round(share, 3)))
        return hits

    def shares(self, text: bytes) -> dict[int, float]:
        """How much of each long item, by index, a `readable` text contains: 0 to 1."""
        contained = self._contained(self._matches(text), set(), None)
        return {index: share for index, (_start, share) in contained.items()}

    def _matches(self, text: bytes) -> list[tuple[int, int, int]]:
        if self._automaton is None:
            return []
        matches: list[tuple[int, int, int]] = self._automaton.find_matches_as_indexes(
            squeeze(text), overlapping=True
        )
        return matches

    def _contained(
        self,
        matches: list[tuple[int, int, int]],
        found: set[int],
        least: Sequence[float] | None,
    ) -> dict[int, tuple[int, float]]:
        """For long items not in `found`: where the most of its pieces are, and their share. Given
        the `least` share of each, only those that may have it."""
        pieces = self._pieces
        hit = [(number, start) for number, start, _ in matches if number in pieces]
        counts = Counter(chain.from_iterable(pieces[number] for number, _ in hit))
        may = {
            index
            for index, count in counts.items()
            if (least is None or count >= least[index] * self._piece_counts[index])
            and index not in found
        }
        seen: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for number, start in hit if may else ():
            for index in pieces[number]:
                if index in may:
                    seen[index].append((start, number))
        return {index: self._best_window(index, sorted(places)) for index, places in seen.items()}

    def _best_window(self, index: int, places: list[tuple[int, int]]) -> tuple[int, float]:
        """Where the most different pieces lie within one and a half lengths of the item."""
        reach = self._lengths[index] * 3 // 2
        counts: dict[int, int] = defaultdict(int)
        best, best_start, first = 0, places[0][0], 0
        for at, piece in places:
            counts[piece] += 1
            while at - places[first][0] > reach:
                left = places[first][1]
                counts[left] -= 1
                if not counts[left]:
                    del counts[left]
                first += 1
            if len(counts) > best:
                best, best_start = len(counts), places[first][0]
        return best_start, best / self._piece_counts[index]


def turn(text: bytes, mode: Mode) -> bytes:
    """The text read backwards, or with its letters thirteen places on."""
    if mode == "reversed":
        return text.decode("utf-8", "replace")[::-1].encode()
    return text.translate(_ROT13)


def _scouts(wanted: Sequence[Wanted]) -> Iterator[tuple[bytes, Mode]]:
    """A few pieces of every item as they look backwards or in rot13. They say that a text is
    worth turning; what then stands in it is for the same rules as in any other text."""
    for want in wanted:
        pieces = list(want.grams[:: max(1, len(want.grams) // _SCOUTS)][:_SCOUTS])
        pieces += [phrase.pattern for phrase in want.phrases]
        for piece in pieces:
            if sum(97 <= byte <= 122 for byte in piece) >= _SCOUT_LETTERS:
                for mode in _MODES:
                    turned = turn(piece, mode)
                    if turned != piece:
                        yield turned, mode


def _compare(text: bytes, start: int, end: int, phrase: Phrase) -> float:
    """1 for the same words and numbers, less when only the letters agree, 0 for another text."""
    if _goes_on(text, start, end, phrase):
        return 0.0
    if _cuts_token(text, start, end):
        # In a binary file a length byte may stand right before a text.
        cut_word = text[start : start + 1].isalpha() and not _is_word(text[end : end + 1])
        long = len(phrase.pattern) >= _LONG_ENOUGH_RESPACED
        return _RESPACED_SIMILARITY if cut_word and long else 0.0
    if tuple(NUMBER.findall(text[start:end])) == phrase.numbers:
        return 1.0
    return _RESPACED_SIMILARITY if len(phrase.pattern) >= _LONG_ENOUGH_RESPACED else 0.0


def _cuts_token(text: bytes, start: int, end: int) -> bool:
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if _is_word(before[-1:]) or _is_word(after[:1]):
        return True
    in_decimal_before = before[-1:] == b"." and before[:1].isdigit() and text[start:][:1].isdigit()
    in_decimal_after = after[:1] == b"." and after[1:].isdigit() and text[end - 1 : end].isdigit()
    return in_decimal_before or in_decimal_after


def _is_word(character: bytes) -> bool:
    return character.isalnum() or character >= b"\x80"


def _goes_on(text: bytes, start: int, end: int, phrase: Phrase) -> bool:
    """Whether the match is a part of something longer: of a sentence that goes on where the item
    ends, or of a sum or list that goes on with a sign of the item's own kind."""
    if phrase.ends and _LETTER_NEXT.match(text[end : end + _CONTEXT]):
        return True
    if phrase.starts and _LETTER_BEFORE.search(text[max(0, start - _CONTEXT) : start]):
        return True
    if text[end - 1 : end].isdigit() or phrase.joiners:
        after = _AFTER.match(text[end : end + _CONTEXT])
        sign, following = (after[1], after[2]) if after else (b"", b"")
        if following and (sign in _ARITHMETIC or (sign in phrase.joiners and following.isdigit())):
            return True
    if not text[start : start + 1].isdigit():
        return False
    before = _BEFORE.search(text[max(0, start - _CONTEXT) : start])
    previous, sign, gap = (before[1], before[2], before[3]) if before else (b"", b"", b"")
    if sign in phrase.joiners and previous:
        return True
    # "- 57 + 87" is an item of a list, "-57 + 87" another sum.
    return sign in _ARITHMETIC and bool(previous or not gap)
