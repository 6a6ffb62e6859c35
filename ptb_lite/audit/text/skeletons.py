"""Test items by what stays of them when numbers, names and pronouns are exchanged.

The skeleton of a text is its words without numbers (in digits or words), capitalised words and
pronouns: both sides are treated alike, so no list of names is needed. Two measures say how much of
an item's skeleton stands in a row:

- runs of five words, of which those that three items have are template and count for nothing;
- where these do not tell, the information of its words, where words that always come together (a
  template) count once: for benchmarks that are made from templates with slots.

A measure is used only where it tells this benchmark's items apart. What its items share with each
other and with the data that was handed over is what honest rows share with them: the share that is
needed is the least one that fewer than `RATE` of these reach, or, where there is none, fewer than
`MOST_RATE`; that rate is what the number of finds has to exceed. Where more of them have nearly all
of an item (numbers and names are all that differs) the measure is off: such items with other
numbers are what anybody's generator draws.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ptb_lite.audit.text.hidden.rewritten import NUMBER_WORDS

RUN = 5
RATE, MOST_RATE = 0.005, 0.03
_SHARED = 3
_FEWEST_RUNS = 6
_RUNS_NEEDED = (0.6, 0.7, 0.8, 0.9)
_WORDS_NEEDED = (0.8, 0.85, 0.9, 0.95)
_OFF = 2.0
_LEAST_BITS = 10.0
_OTHER_GENERATORS = 3.0  # one that draws from fewer templates meets items more often
_LEAST_ORDER = 0.8
_COMMON = 1 / 3
_RAREST = 12
_TOP = 3
_WORD = re.compile(r"[^\W\d_]+")
_DROPPED = frozenset({
    "he", "she", "him", "her", "his", "hers", "himself", "herself", "they", "them", "their",
    "theirs", "mr", "mrs", "ms", "miss", "dr", *NUMBER_WORDS,
})  # fmt: skip


def skeleton(text: str) -> list[str]:
    """The words of a text that exchanging numbers and names leaves as they are."""
    return [w for w in _WORD.findall(text) if w[0].islower() and w not in _DROPPED]


@dataclass
class _Runs:
    """Runs of words by the items whose own they are."""

    sizes: list[int] = field(default_factory=list)
    owners: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    needed: float = _OFF
    rate: float = 0.0

    @classmethod
    def of(cls, skeletons: Sequence[Sequence[str]]) -> _Runs:
        all_runs = [set(_runs(words)) for words in skeletons]
        counts = Counter(run for runs in all_runs for run in runs)
        made = cls()
        for number, runs in enumerate(all_runs):
            own = [run for run in runs if counts[run] < _SHARED]
            made.sizes.append(len(own))
            for run in own if len(own) >= _FEWEST_RUNS else ():
                made.owners[run].append(number)
        return made

    def shares(self, words: Sequence[str]) -> Iterator[tuple[int, float]]:
        hits: Counter[int] = Counter()
        for run in dict.fromkeys(_runs(words)):
            owners = self.owners.get(run)
            if owners:
                hits.update(owners)
        for number, count in hits.most_common(_TOP):
            yield number, count / self.sizes[number]


@dataclass
class _Words:
    """The information of items' words. `unit` of a word: words with the same documents are one."""

    unit: dict[str, int] = field(default_factory=dict)
    bits: dict[int, float] = field(default_factory=dict)
    items: list[tuple[list[int], float]] = field(default_factory=list)
    owners: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    needed: float = _OFF
    rate: float = 0.0

    @classmethod
    def of(cls, skeletons: Sequence[Sequence[str]], more: Sequence[Sequence[str]]) -> _Words:
        texts = [list(dict.fromkeys(words)) for words in (*skeletons, *more)]
        documents: dict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(texts):
            for word in words:
                documents[word].append(number)
        made, units = cls(), dict[object, int]()
        for word, found in documents.items():
            if len(found) <= len(texts) * _COMMON:
                key: object = tuple(found) if len(found) >= _SHARED else word
                made.unit[word] = unit = units.setdefault(key, len(units))
                made.bits[unit] = math.log2(len(texts) / len(found))
        for number, words in enumerate(texts[: len(skeletons)]):
            own = made.units(words)
            total = sum(made.bits[unit] for unit in own)
            made.items.append((own, total))
            if total >= _LEAST_BITS:
                for unit in sorted(own, key=lambda u: -made.bits[u])[:_RAREST]:
                    made.owners[unit].append(number)
        return made

    def units(self, words: Iterable[str]) -> list[int]:
        return list(dict.fromkeys(self.unit[word] for word in words if word in self.unit))

    def shares(self, words: Sequence[str]) -> Iterator[tuple[int, float]]:
        """Of the items that a row shares most with; 0 where it is in another order."""
        place = {unit: at for at, unit in enumerate(self.units(words))}
        hits: dict[int, float] = defaultdict(float)
        for unit in place:
            for number in self.owners.get(unit, ()):
                hits[number] += self.bits[unit]
        for number in sorted(hits, key=lambda n: -hits[n])[:_TOP]:
            own, total = self.items[number]
            there = [unit for unit in own if unit in place]
            ordered = longest_rise([place[unit] for unit in there])
            share = sum(self.bits[unit] for unit in there) / total
            yield number, share if ordered >= _LEAST_ORDER * len(there) else 0.0


class Skeletons:
    """The items of one benchmark. `handed` are rows that everybody was given: a control."""

    def __init__(self, items: Sequence[str], handed: Sequence[str] = ()) -> None:
        own = [skeleton(text) for text in items]
        control = [skeleton(text) for text in handed]
        self._runs = _Runs.of(own)
        # Half of the control says which words make a template, the other half how far chance goes.
        self._words = _Words.of(own, control[::2])
        _calibrate(self._runs, own, control, _RUNS_NEEDED)
        if not _is_on(self._runs) or self._runs.rate > RATE:
            _calibrate(self._words, own, control[1::2], _WORDS_NEEDED)

    @property
    def rate(self) -> float:
        """The share of honest rows, in [0, 1], in which an item may be found."""
        return self._runs.rate + self._words.rate

    @property
    def searchable(self) -> int:
        """How many items one of the measures can tell."""
        runs, words = self._runs, self._words
        found = {n for owners in runs.owners.values() for n in owners} if _is_on(runs) else set()
        if _is_on(words):
            found |= {n for owners in words.owners.values() for n in owners}
        return len(found)

    def found(self, text: str) -> dict[int, float]:
        """The items whose skeleton a row has, each with the share of it."""
        words = skeleton(text)
        found: dict[int, float] = {}
        for measure in (self._runs, self._words):
            if _is_on(measure) and len(words) >= RUN:
                for number, share in measure.shares(words):
                    if share >= measure.needed:
                        found[number] = max(found.get(number, 0.0), share)
        return found


def _is_on(measure: _Runs | _Words) -> bool:
    return measure.needed < _OFF


def _calibrate(
    measure: _Runs | _Words,
    own: Sequence[Sequence[str]],
    control: Sequence[Sequence[str]],
    shares: Sequence[float],
) -> None:
    """Sets what is needed, and the rate at which honest rows reach it, from each item beside the
    others and from the control."""
    most = [
        max((share for n, share in measure.shares(words) if n != at), default=0.0)
        for at, words in enumerate(own)
    ]
    most += [max((share for _n, share in measure.shares(w)), default=0.0) for w in control]
    rates = [((1 + sum(one >= share for one in most)) / (1 + len(most)), share) for share in shares]
    for limit in (RATE, MOST_RATE):
        for rate, share in rates:
            if rate <= limit:
                measure.needed = share
                measure.rate = rate if limit == RATE else rate * _OTHER_GENERATORS
                return


def _runs(words: Sequence[str]) -> Iterator[str]:
    return (" ".join(words[at : at + RUN]) for at in range(len(words) - RUN + 1))


def longest_rise(places: Sequence[int]) -> int:
    """The length of the longest increasing subsequence."""
    from bisect import bisect_left

    ends: list[int] = []
    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends)
