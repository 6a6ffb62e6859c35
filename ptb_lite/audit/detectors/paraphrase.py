"""Test items retold: with other numbers and names, in other words, in another language.

Five ways to find one, each with what it asks for:

- **exchanged**: the item's words without numbers and names stand in a row (`text/skeletons.py`);
- **by numbers and names**, whatever the words or the language (`text/number_marks.py`);
- **by rare words**: all of the item's numbers, also when written as words, and enough of its rare
  words, more than any two of the benchmark's own items share; without numbers, more words;
- **answers in order**: a stretch of rows has the answers of the test items in the test set's order
  (`text/answer_order.py`), whatever became of the questions; decides by itself;
- **near** by a local embedding model, where one was chosen (`embed_worker.py`): informs.

Items that stand in a row as they are belong to `overlap`, which knows what chance explains. The
others decide where they are more than three, and more than honest rows hold: benchmarks have
near-twins of their test items in their train split. Of GSM8K's 7,473 train rows, these ways find
test items in 0.2 %; `HONEST_RATE` is more than double (and the rate that the items themselves and
the data handed over show, where that is higher), and so many must be found beyond it that chance is
under one in a thousand. This is judged for all rows together and for every file alone.
An item of which only a template is left without numbers and names is not found so: anybody's
generator draws its like.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import ClassVar

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.evidence.folder import ScanNotes, printable
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.text.answer_order import FEWEST, AnswerOrder
from ptb_lite.audit.text.chance import TOLERATED_ITEMS
from ptb_lite.audit.text.embedding import EmbeddingError, nearest
from ptb_lite.audit.text.hidden.rewritten import NUMBER_WORDS, spelled_number
from ptb_lite.audit.text.normal import squeeze
from ptb_lite.audit.text.number_marks import NumberMarks, bits_needed
from ptb_lite.audit.text.phrases import plain
from ptb_lite.audit.text.rows import Row, agent_rows, answer_rows, handed_rows
from ptb_lite.audit.text.skeletons import Skeletons
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag
from ptb_lite.text import plural

NAME = "paraphrase"
HONEST_RATE = 0.005
SIGNIFICANCE = 1e-3
_MAX_SECONDS = 20.0
_STEM = 5
_LEAST_WORDS = 5
_NEEDED = 0.6
_NEEDED_WITHOUT_NUMBERS = 0.85
_NEEDED_WHEN_NEAR = 0.3
_ABOVE_CLEAN = 0.1
_TOP = 3
_MAX_FLAGS = 50
_RUN = re.compile(r"[a-z]{3,}|\d+(?:[.,]\d+)*")
_SMALL = frozenset({
    "the", "and", "for", "are", "was", "were", "has", "had", "have", "his", "her", "hers", "its",
    "their", "how", "many", "much", "what", "which", "who", "when", "where", "that", "this", "than",
    "then", "they", "them", "she", "him", "you", "your", "with", "from", "into", "over", "under",
    "after", "before", "each", "every", "all", "any", "more", "most", "less", "does", "did", "will",
    "would", "can", "could", "not", "but", "out", "per", "there", "these", "those", "one", "some",
    "text", "prompt", "completion", "question", "answer", "content", "role", "user", "assistant",
    "messages", "been", "also", "only", "both", "between", "about", "left", "take", "get", "give",
})  # fmt: skip
_ENGLISH = frozenset({
    "the", "and", "of", "to", "is", "are", "was", "were", "has", "have", "had", "he", "she", "it",
    "they", "his", "her", "their", "how", "many", "much", "what", "each", "every", "if", "for",
    "with", "that", "this", "does", "did", "will", "there", "by", "on", "at", "from", "than", "be",
})  # fmt: skip
_ENDING = re.compile(r"(?:ing|ed|es|s)$")


@dataclass(frozen=True)
class Bag:
    """The stems and the numbers of a text."""

    stems: frozenset[str]
    numbers: Counter[str]


@dataclass(frozen=True)
class Retelling:
    """One item in one row; `share` in [0, 1], how much of what was sought stands there."""

    row: Row
    share: float
    kind: str
    how: str


@dataclass
class Found:
    """`best` of each item; `items` and `rows` by file, for the judgement of every file alone."""

    best: dict[int, Retelling] = field(default_factory=dict)
    items: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    rows: Counter[str] = field(default_factory=Counter)
    near: dict[int, Retelling] = field(default_factory=dict)
    in_order: set[int] = field(default_factory=set)
    honest_rate: float = HONEST_RATE

    def add(self, item: int, one: Retelling) -> None:
        self.items[one.row.file].add(item)
        if item not in self.best or one.share > self.best[item].share:
            self.best[item] = one

    def deciding(self) -> set[int]:
        """The items that decide: all of them, or those of the files that hold too many."""
        found = len(self.best.keys() - self.in_order)
        if exceeds_honest(found, self.rows.total(), self.honest_rate):
            return set(self.best)
        alone = (
            items
            for name, items in self.items.items()
            if exceeds_honest(len(items), self.rows[name], self.honest_rate)
        )
        return self.in_order.union(*alone)


class ParaphraseDetector(Detector):
    name = NAME
    reads_programs = True
    deciding = False
    rules = (
        Rule(
            "paraphrased-test-items",
            "decides",
            "more than three test items stand in its data with other numbers and names, in other "
            "words or another language, and more than honest data holds; or the answers of the "
            "test set in its order",
            tolerated_items=TOLERATED_ITEMS,
            min_confidence=0.8,
            hidden=True,
        ),
    )
    needs = ("embedder",)
    deductions: ClassVar[Mapping[str, float]] = {
        "answers-in-order": 1.0,
        "exchanged-item": 1.0,
        "retold-item": 1.0,
        "translated-item": 1.0,
    }

    def run(self, case: AuditCase) -> DetectorResult:
        """Raises OSError when the folder itself cannot be read."""
        items = [item for item in case.items if len(item.question) >= 40]
        if not items:
            long = "no test item is long enough to be retold"
            return _skip(long if case.items else "no test items given")
        account = ScanNotes()
        search = Search(items, handed_rows(case))
        account.note(search.what_can_be_told())
        rows = list(agent_rows(case, account))
        found = search.over(rows, account)
        search.in_order(rows, found)
        search.in_order(list(answer_rows(case)), found)
        if case.embedder is not None and rows:
            try:
                pairs = nearest(
                    case.embedder, [i.question for i in items], [r.text for r in rows], _TOP
                )
            except EmbeddingError as error:
                account.note(printable(f"no embeddings: {error}"))
            else:
                for number, row_number, cosine in pairs:
                    row = rows[row_number]
                    share = search.words.share(number, bag(row.text))
                    if share >= _NEEDED_WHEN_NEAR and number not in found.best:
                        found.near[number] = Retelling(row, cosine, "retold-item", "retells")
        else:
            account.note("no embedding model was chosen")
        return _result(items, found, account)


class Search:
    """The ways to find items, over all of a case's benchmarks."""

    def __init__(self, items: Sequence[TestItem], handed: Sequence[str]) -> None:
        self._items = items
        self._squeezed = [squeeze(plain(item.question).encode()) for item in items]
        self.words = Index(items)
        self._parts: list[tuple[list[int], Skeletons, NumberMarks]] = []
        self._orders: list[tuple[list[int], AnswerOrder]] = []
        for benchmark in dict.fromkeys(item.benchmark for item in items):
            numbers = [n for n, item in enumerate(items) if item.benchmark == benchmark]
            texts = [plain(items[n].question) for n in numbers]
            self._orders.append((numbers, AnswerOrder([items[n].target for n in numbers])))
            self._parts.append((numbers, Skeletons(texts, handed), NumberMarks(texts, handed)))

    def what_can_be_told(self) -> str:
        skeletons = sum(part[1].searchable for part in self._parts)
        marks = sum(part[2].searchable for part in self._parts)
        return (
            f"of {len(self._items)} items, {skeletons} can be told with other numbers and names, "
            f"{marks} by their numbers and names alone"
        )

    def over(self, rows: Iterable[Row], account: ScanNotes) -> Found:
        """Bounded in time, which a note says."""
        until = time.monotonic() + _MAX_SECONDS
        rates = [part[1].rate for part in self._parts]
        found = Found(honest_rate=max([HONEST_RATE, *rates]))
        marked: list[tuple[int, float, Retelling]] = []
        for row in rows:
            if time.monotonic() > until:
                account.note(f"the first {found.rows.total():,} rows only, up to {row.file}")
                break
            found.rows[row.file] += 1
            told = plain(row.text)
            squeezed: bytes | None = None
            for item, one, bits in self._in_row(row, told):
                if squeezed is None:
                    squeezed = squeeze(told.encode())
                if self._squeezed[item] in squeezed:
                    continue
                if bits is None:
                    found.add(item, one)
                else:
                    marked.append((item, bits, one))
        needed = bits_needed(found.rows.total())
        for item, bits, one in marked:
            if bits >= needed:
                found.add(item, one)
        return found

    def in_order(self, rows: Sequence[Row], found: Found) -> None:
        """Adds the items whose answers stand in a file in the test set's order, below other words:
        untouched copies are for the overlap detector, which knows those that harm nobody."""
        for _name, own in groupby(rows, key=lambda row: row.file):
            kept = list(own)
            for numbers, order in self._orders:
                stretch = order.best(kept)
                retold = [
                    (row, at)
                    for row, at in (stretch.pairs if stretch else ())
                    if self._squeezed[numbers[at]] not in squeeze(plain(row.text).encode())
                ]
                for row, at in retold if len(retold) >= FEWEST else ():
                    how = "has, at its place in the test set's order, the answer of"
                    found.best.setdefault(numbers[at], Retelling(row, 0.5, "answers-in-order", how))
                    found.in_order.add(numbers[at])

    def _in_row(self, row: Row, told: str) -> Iterable[tuple[int, Retelling, float | None]]:
        for item, share in self.words.retold_by(bag(told)):
            yield item, Retelling(row, share, "retold-item", "retells in other words"), None
        for numbers, skeletons, marks in self._parts:
            for at, share in skeletons.found(told).items():
                how = "has the words, with other numbers or names, of"
                yield numbers[at], Retelling(row, share, "exchanged-item", how), None
            for at, bits in marks.found(told).items():
                foreign = is_foreign(told)
                kind = "translated-item" if foreign else "retold-item"
                how = "has, in another language, the numbers and names of" if foreign else (
                    "has, in other words, the numbers and names of"
                )  # fmt: skip
                share = min(1.0, bits / (2 * bits_needed(1)))
                yield numbers[at], Retelling(row, share, kind, how), bits


def exceeds_honest(found: int, rows: int, rate: float = HONEST_RATE) -> bool:
    """Whether so many items in so many rows are more than honest data holds: a Poisson tail."""
    if found <= TOLERATED_ITEMS:
        return False
    mean = rate * rows
    return 1.0 - sum(_poisson(k, mean) for k in range(found)) < SIGNIFICANCE


def _poisson(count: int, mean: float) -> float:
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) if mean else not count


def is_foreign(text: str) -> bool:
    """Whether a text is hardly English: few of its words are the commonest English ones."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    return sum(word in _ENGLISH for word in words) < 0.12 * len(words)


class Index:
    """Which items have which rare stems."""

    def __init__(self, items: Sequence[TestItem]) -> None:
        self._bags = [bag(item.question) for item in items]
        counts = Counter(stem for one in self._bags for stem in one.stems)
        most = max(3, len(items) // 25)
        self._rare = [
            frozenset(stem for stem in one.stems if counts[stem] <= most) for one in self._bags
        ]
        self._owners: dict[str, list[int]] = defaultdict(list)
        for number, rare in enumerate(self._rare):
            for stem in rare if len(rare) >= _LEAST_WORDS else ():
                self._owners[stem].append(number)
        among = [
            share
            for number, one in enumerate(self._bags)
            for other, share in self._shares(one)
            if other != number
        ]
        self._needed = min(0.9, max([_NEEDED, *(share + _ABOVE_CLEAN for share in among)]))

    def retold_by(self, text: Bag) -> list[tuple[int, float]]:
        """The items that a text retells, with the share of their rare words that it has."""
        return [
            (number, share)
            for number, share in self._shares(text)
            if share >= self._needed
            and (len(self._bags[number].numbers) >= 2 or share >= _NEEDED_WITHOUT_NUMBERS)
        ]

    def share(self, number: int, text: Bag) -> float:
        """0 when a number of the item is missing."""
        rare = self._rare[number]
        if not rare or self._bags[number].numbers - text.numbers:
            return 0.0
        return len(rare & text.stems) / len(rare)

    def _shares(self, text: Bag) -> list[tuple[int, float]]:
        hits = Counter(number for stem in text.stems for number in self._owners.get(stem, ()))
        return [(number, self.share(number, text)) for number, _count in hits.most_common(_TOP)]


def bag(text: str) -> Bag:
    """Stems are the first letters of words of three and more; number words are numbers, also
    digit by digit ("one two" for 12) and with tens ("forty-two")."""
    stems: set[str] = set()
    numbers: Counter[str] = Counter()
    spelled: list[int] = []
    for token in [*_RUN.findall(plain(text).lower()), ""]:
        value = NUMBER_WORDS.get(token)
        if value is not None:
            spelled.append(value)
            continue
        if spelled:
            numbers[spelled_number(spelled)] += 1
            spelled = []
        if token[:1].isdigit():
            whole = token.replace(",", "")
            numbers[whole.rstrip("0").rstrip(".") if "." in whole else whole] += 1
        elif token and token not in _SMALL:
            stems.add(_ENDING.sub("", token)[:_STEM] if len(token) > 4 else token)
    return Bag(frozenset(stems), numbers)


def _result(items: Sequence[TestItem], found: Found, account: ScanNotes) -> DetectorResult:
    deciding = found.deciding()
    shown = sorted({**found.near, **found.best}.items(), key=lambda pair: pair[0] not in deciding)
    flags = tuple(
        Flag(
            detector=NAME,
            kind=one.kind,
            message=printable(f"a row of {one.row.file} {one.how} test item {items[number].id}"),
            decides=number in deciding,
            file=one.row.file,
            line=one.row.line,
            excerpt=printable(one.row.text[:300]),
            item_id=items[number].id,
            item_text=items[number].question[:1000],
            similarity=round(min(1.0, one.share), 3),
            confidence=0.9 if number in deciding else 0.4,
        )
        for number, one in shown[:_MAX_FLAGS]
    )
    if found.best:
        rows = found.rows.total()
        expected = found.honest_rate * rows
        account.note(
            f"{plural(len(found.best), 'item')} in {rows:,} rows, where honest data holds up to "
            f"{expected:.1f}"
        )
    return DetectorResult(
        detector=NAME,
        status="flagged" if flags else "clean",
        deciding=False,
        flags=flags,
        notes=account.all_notes(),
    )


def _skip(reason: str) -> DetectorResult:
    return DetectorResult(detector=NAME, status="skipped", deciding=False, reason=reason)


DETECTOR = ParaphraseDetector()
