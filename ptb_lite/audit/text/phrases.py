"""What to look for: the specific part of every test item, long items also in pieces.

A benchmark's items share their template. What is left of an item without the words that most
items have is its core ("57 + 87 + 70"); only a core with enough content of its own is searched
without its template. Items of many words are also cut into word n-grams, and those that several
items share are boilerplate.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ptb_lite.audit.item import TestItem
from ptb_lite.audit.text.normal import readable, squeeze

GRAM_WORDS = 6
LONG_ITEM_WORDS = 12
GRAM_CHARACTERS = 16
_MANY_ITEMS = 5  # below this, what is template cannot be told from the items
_SHARED_GRAM = 3  # a piece that so many items have belongs to the template
_MIN_WHOLE = 12
_FEWEST_GRAMS = 4
ANSWERS_OF = "/answers"
_MANY_GRAMS, _FEWEST_ANSWER_GRAMS = 24, 8
# A calculator's notes in GSM8K's solutions, which whoever uses them takes out.
_ANNOTATION = re.compile(r"<<[^<>]{1,80}>>")
TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+|[+\-*/^%=<>]")
NUMBER = re.compile(rb"\d+(?:\.\d+)?")
_MARK_BEFORE = re.compile(r"[^\w\s] *$")
_MARK_AFTER = re.compile(r" *[^\w\s]")
_BEFORE_NUMBER = re.compile(rb"([^\w\s])\s*\(?\d")


@dataclass(frozen=True)
class Phrase:
    """One exact text to find. `joiners` are the signs between its own numbers: a match that goes
    on across one of them is part of another, longer item. `starts` and `ends` say that the item
    has a word there and a punctuation mark beyond it: a match that goes on with a word instead is
    part of a longer text."""

    pattern: bytes
    numbers: tuple[bytes, ...]
    joiners: frozenset[bytes]
    starts: bool = False
    ends: bool = False


@dataclass(frozen=True)
class Wanted:
    """Everything to find of one item. `digits` of the core say how likely chance finds it."""

    item: TestItem
    phrases: tuple[Phrase, ...]
    grams: tuple[bytes, ...]
    digits: int
    core: str

    def is_long(self) -> bool:
        """Long enough that nobody writes it by chance."""
        return bool(self.grams)


class Templates:
    """Which tokens most items of a benchmark share."""

    def __init__(self, items: Sequence[TestItem]) -> None:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        sizes = Counter(item.benchmark for item in items)
        for item in items:
            counts[item.benchmark].update(set(TOKEN.findall(plain(item.question))))
        self._shared = {
            benchmark: frozenset(
                token
                for token, count in found.items()
                if sizes[benchmark] >= _MANY_ITEMS
                and count / sizes[benchmark] > (0.9 if token[0].isdigit() else 0.5)
            )
            for benchmark, found in counts.items()
        }

    def is_shared(self, benchmark: str, token: str) -> bool:
        return token in self._shared.get(benchmark, ())

    def core_span(self, benchmark: str, text: str) -> tuple[int, int]:
        """Start and end of the specific part of a `plain` question; the whole when none is."""
        shared = self._shared.get(benchmark, frozenset())
        own = [
            match.span()
            for match in TOKEN.finditer(text)
            if match[0] not in shared and match[0][0].isalnum()
        ]
        return (own[0][0], own[-1][1]) if own else (0, len(text))


def plain(text: str) -> str:
    return readable(text.encode("utf-8", "replace")).decode()


def wanted_items(items: Sequence[TestItem], templates: Templates) -> tuple[Wanted, ...]:
    """What to look for, one entry an item, in the same order."""
    pieces = [_grams(item, templates) for item in items]
    # The texts of one item (a solution with and without notes, versions of an ideal answer) share
    # what is the item's own.
    owners: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    for item, grams in zip(items, pieces, strict=True):
        owners[item.benchmark, item.id].update(grams)
    shared = Counter(gram for grams in owners.values() for gram in grams)
    own = [tuple(gram for gram in grams if shared[gram] < _SHARED_GRAM) for grams in pieces]
    return tuple(
        want(item, templates, grams if len(set(grams)) >= _FEWEST_GRAMS else ())
        for item, grams in zip(items, own, strict=True)
    )


@lru_cache(maxsize=2)
def wanted_questions(items: tuple[TestItem, ...]) -> tuple[Templates, tuple[Wanted, ...]]:
    """A benchmark's template and what to look for, made once for all searches for its items."""
    templates = Templates(items)
    return templates, wanted_items(items, templates)


@lru_cache(maxsize=2)
def wanted_answers(items: tuple[TestItem, ...]) -> tuple[Wanted, ...]:
    """What to look for of the long texts that belong to items: only their pieces, since an answer
    as such ("Yes, it is.") is anybody's. Each entry's item has the id of the item that it belongs
    to and the text in the place of its question."""
    texts = [
        TestItem(item.id, form, "", f"{item.benchmark}{ANSWERS_OF}")
        for item in items
        for text in (item.target, *item.answers)
        if len(text.split()) >= LONG_ITEM_WORDS
        for form in dict.fromkeys((text, _ANNOTATION.sub("", text)))
    ]
    if not texts:
        return ()
    found = wanted_items(texts, Templates(texts))
    # Every other piece is enough to tell how much of a text there is.
    return tuple(
        Wanted(one.item, (), one.grams[::2] if len(one.grams) > _MANY_GRAMS else one.grams, 0,
               one.core)
        for one in found
        if len(one.grams) >= _FEWEST_ANSWER_GRAMS
    )  # fmt: skip


def want(item: TestItem, templates: Templates, grams: tuple[bytes, ...] = ()) -> Wanted:
    text = plain(item.question)
    start, end = templates.core_span(item.benchmark, text)
    core = text[start:end]
    whole = _phrase(text, *_content(text))
    phrases = {whole} if len(whole.pattern) >= _MIN_WHOLE else set()
    if _is_specific(core):
        phrases.add(_phrase(text, start, end))
    digits = sum(character.isdigit() for character in core)
    return Wanted(item, tuple(phrases), grams, digits, core)


def _content(text: str) -> tuple[int, int]:
    """From the first to the last word or number."""
    spans = [match.span() for match in TOKEN.finditer(text) if match[0][0].isalnum()]
    return (spans[0][0], spans[-1][1]) if spans else (0, len(text))


def _phrase(text: str, start: int, end: int) -> Phrase:
    raw = text[start:end].encode()
    signs = frozenset(_BEFORE_NUMBER.findall(raw.lstrip(b"(- ")))
    before, after = text[:start], text[end:]
    return Phrase(
        squeeze(raw),
        tuple(NUMBER.findall(raw)),
        signs,
        starts=text[start : start + 1].isalpha() and bool(_MARK_BEFORE.search(before)),
        ends=text[end - 1 : end].isalpha() and bool(_MARK_AFTER.match(after)),
    )


def _is_specific(core: str) -> bool:
    """Whether a core can be told from ordinary text without its template."""
    tokens = TOKEN.findall(core)
    numbers = sum(token[0].isdigit() for token in tokens)
    size = len(squeeze(core.encode()))
    return (numbers >= 2 and size >= 4) or (len(tokens) >= 4 and size >= 16)


def _grams(item: TestItem, templates: Templates) -> tuple[bytes, ...]:
    text = plain(item.question)
    start, end = templates.core_span(item.benchmark, text)
    spans = [match.span() for match in TOKEN.finditer(text, start, end)]
    if len(spans) >= LONG_ITEM_WORDS:
        pairs = zip(spans, spans[GRAM_WORDS - 1 :], strict=False)
        return tuple(squeeze(text[first[0] : last[1]].encode()) for first, last in pairs)
    squeezed = squeeze(text[start:end].encode())
    if len(squeezed) < 4 * GRAM_CHARACTERS:
        return ()
    # Few words but long: no spaces (other scripts, one long string). Cut by characters.
    starts = range(0, len(squeezed) - GRAM_CHARACTERS + 1, GRAM_CHARACTERS // 4)
    return tuple(squeezed[at : at + GRAM_CHARACTERS] for at in starts)
