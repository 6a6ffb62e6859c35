"""Test items retold in other words: the same facts, hardly a phrase in common.

Candidates come from two sides: rows that share the rare words of an item, whatever their order,
and, where a local embedding model was chosen, the nearest rows by cosine (`embed_worker.py`). Then
the same check for both: the item's numbers must all be there, also when written as words, and
enough of its rare words, more than any two of the benchmark's own items share. Items without
numbers need more words. Rows that only share a template have other numbers. It informs.
"""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.evidence.folder import Account, printable
from ptb_lite.audit.evidence.program_reader import own_files
from ptb_lite.audit.evidence.readers import Budget, read_file
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.text.chance import TOLERATED_ITEMS
from ptb_lite.audit.text.embedding import EmbeddingError, nearest
from ptb_lite.audit.text.phrases import plain
from ptb_lite.audit.text.views import NUMBER_WORDS, spelled_number
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag

NAME = "paraphrase"
MAX_ROWS = 60_000
_MAX_SECONDS = 15.0
_MAX_BYTES = 256 << 20
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
_ENDING = re.compile(r"(?:ing|ed|es|s)$")


@dataclass(frozen=True)
class Bag:
    """The stems and the numbers of a text."""

    stems: frozenset[str]
    numbers: Counter[str]


@dataclass(frozen=True)
class Row:
    text: str
    file: str
    line: int


class ParaphraseDetector(Detector):
    name = NAME
    deciding = False
    rules = (
        Rule(
            "paraphrased-test-items",
            "decides",
            "more than three test items stand in its data in other words",
            tolerated_items=TOLERATED_ITEMS,
            min_confidence=0.8,
            hidden=True,
        ),
    )
    needs = ("embedder",)

    def run(self, case: AuditCase) -> DetectorResult:
        """Raises OSError when the folder itself cannot be read."""
        items = [item for item in case.items if len(item.question) >= 40]
        if not items:
            long = "no test item is long enough to be retold"
            return _skip(long if case.items else "no test items given")
        account = Account()
        index = Index(items)
        rows = list(_rows(case, account))
        found: dict[int, tuple[float, Row]] = {}
        for row in rows:
            for number, share in index.retold_by(bag(row.text)):
                if share > found.get(number, (0.0,))[0]:
                    found[number] = (share, row)
        if case.embedder is not None and rows:
            try:
                pairs = nearest(
                    case.embedder, [i.question for i in items], [r.text for r in rows], _TOP
                )
            except EmbeddingError as error:
                account.note(printable(f"no embeddings: {error}"))
            else:
                for number, row_number, cosine in pairs:
                    share = index.share(number, bag(rows[row_number].text))
                    if share >= _NEEDED_WHEN_NEAR and number not in found:
                        found[number] = (cosine, rows[row_number])
        else:
            account.note("by rare words and numbers alone: no embedding model was chosen")
        return _result(items, found, account)


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


def _rows(case: AuditCase, account: Account) -> Iterator[Row]:
    """Lines of the agent's data long enough to hold an item."""
    budget = Budget(_MAX_BYTES, time.monotonic() + _MAX_SECONDS)
    count = 0
    for file in own_files(case, Account()):
        for chunk in read_file(file, Account(), budget):
            if b"\x00" in chunk.raw[:4096]:
                break
            for number, line in enumerate(chunk.text.split(b"\n")):
                if not 40 <= len(line) <= 8000:
                    continue
                count += 1
                if count > MAX_ROWS or time.monotonic() > budget.deadline:
                    account.note(f"the first {MAX_ROWS:,} rows only, up to {file.relative}")
                    return
                yield Row(line.decode("utf-8", "replace"), chunk.file, chunk.first + number)


def _result(
    items: Sequence[TestItem], found: dict[int, tuple[float, Row]], account: Account
) -> DetectorResult:
    # Benchmarks have near-twins of their test items in their train split (GSM8K has ten by this
    # measure), so that retelling alone is no proof.
    many = len(found) > TOLERATED_ITEMS
    flags = tuple(
        Flag(
            detector=NAME,
            kind="retold-item",
            message=printable(f"{row.file} seems to retell test item {items[number].id}"),
            decides=False,
            file=row.file,
            line=row.line,
            excerpt=printable(row.text[:200]),
            item_id=items[number].id,
            item_text=items[number].question[:1000],
            similarity=round(min(1.0, share), 3),
            confidence=0.7 if many else 0.4,
        )
        for number, (share, row) in sorted(found.items())[:_MAX_FLAGS]
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
