"""Programming problems of the test set with names, docstrings or constants changed.

Functions are compared as normalised tokens: names become one word, numbers and texts another,
docstrings and comments fall away, keywords and what belongs to the language stay. Overlapping runs
of tokens are hashed and thinned by winnowing (Schleimer, Wilkerson and Aiken 2003), and a function
is a copy when most of an item's fingerprints stand in it; so is one whose docstring says the same
in the same order. What several items share, or what was handed over, is nobody's fingerprint, and
the share that is needed lies above what any two of the benchmark's own items have in common.

Problems that are made from one template, or are short, have no fingerprint of their own. Their body
is compared whole, with names numbered in order and constants as they are: it must begin a function,
and say enough (`LEAST_BITS`) by constants that are rare among the items, or by its length where no
other item has its form.
"""

from __future__ import annotations

import builtins
import keyword
import math
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from ptb_lite.audit.case import AuditCase, TestItem
from ptb_lite.audit.detectors.parts.code_functions import DEF, functions
from ptb_lite.audit.evidence.folder import FoundFile, ScanNotes, open_regular, printable
from ptb_lite.audit.evidence.outputs import informing
from ptb_lite.audit.evidence.program_reader import own_files
from ptb_lite.audit.evidence.readers import Budget, Chunk, read_file
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.text.chance import TOLERATED_ITEMS
from ptb_lite.audit.text.constructed import made_texts
from ptb_lite.audit.text.normal import LINE_BREAK, readable
from ptb_lite.audit.text.views import has_run, hidden_texts
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag

NAME = "code-clone"
GRAM_TOKENS = 8
WINDOW = 4
DOC_WORDS = 4
LEAST_SHARE = 0.6
MOST_NEEDED = 0.85
FEWEST = 5
LEAST_BITS = 12.0
_BITS_OF_FORM = 0.5
_ANYONES = 20
_FIRST = 8
_ABOVE_CLEAN = 0.1
_SHARED = 3
_MAX_FUNCTIONS = 300_000
_MAX_BYTES = 4 << 30
_MAX_SECONDS = 240.0
_MAX_FLAGS = 100
_PACKED = (b"PAR1", b"ARROW1", b"PK", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\xff\xff\xff\xff",
           b"SQLite")  # fmt: skip
_DOC = re.compile(r'("""|\'\'\'|\\"\\"\\"|\\\'\\\'\\\')(.*?)\1', re.DOTALL)
_COMMENT = re.compile(r"#[^\n\x0b]*")
_TOKEN = re.compile(
    r"[A-Za-z_]\w*|\d+(?:\.\d+)?|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[-+*/%=<>!&|^~@:]+|[\[\]().,{}]"
)
_WORD = re.compile(r"[a-z]+|\d+")
_ANY_NUMBER = {"0", "1", "2", "10", "100", "1000"}
_FIRST_CHECKS = 150  # tokens
_KEYWORDS = frozenset(keyword.kwlist)
_FUNCTIONS = frozenset(name for name in dir(builtins) if name.islower())

Prints = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Shape:
    """What is left of a function: fingerprints of its body and of its docstring, and the whole body
    with its names numbered."""

    code: Prints
    doc: Prints
    bodies: tuple[tuple[str, ...], ...] = ()


@dataclass
class Clones:
    """The items found, each with the best place and how much of it stands there."""

    best: dict[int, tuple[float, str, str, int, str]] = field(default_factory=dict)


class CodeCloneDetector(Detector):
    name = NAME
    reads_programs = True
    deciding = True
    rules = (
        Rule(
            "renamed-test-items",
            "decides",
            "more than three test problems stand in its code with names or constants changed",
            tolerated_items=TOLERATED_ITEMS,
            hidden=True,
        ),
    )
    deductions: ClassVar[Mapping[str, float]] = {"renamed-item": 1.0}

    def live(self) -> Self:
        return self

    def run(self, case: AuditCase) -> DetectorResult:
        """Raises OSError when the folder itself cannot be read."""
        index = Index(case.items)
        if not index.searchable:
            reason = "no test item is code" if case.items else "no test items given"
            return DetectorResult(detector=NAME, status="skipped", deciding=False, reason=reason)
        account = ScanNotes()
        budget = Budget(_MAX_BYTES, time.monotonic() + _MAX_SECONDS)
        found = Clones()
        left = _MAX_FUNCTIONS
        seen: set[int] = set()
        for chunk in _chunks(case, account, budget):
            for offset, name, text in functions(chunk.text.decode("utf-8", "replace")):
                key = hash(text)
                if key in seen:
                    continue
                seen.add(key)
                left -= 1
                if left < 0 or time.monotonic() > budget.deadline:
                    account.leave_unread(f"functions from {chunk.file} on")
                    return _result(found, index, account)
                line = chunk.first + chunk.text[:offset].count(b"\n")
                for item, share, how in index.matches(shape(text)):
                    if share > found.best.get(item, (0.0,))[0]:
                        found.best[item] = (share, how, chunk.file, line, name)
        return _result(found, index, account)


class Index:
    """The items' fingerprints, and which item each belongs to."""

    def __init__(self, items: tuple[TestItem, ...]) -> None:
        self.items = items
        shapes = [item_shape(item) for item in items]
        counts = Counter(gram for one in shapes for gram in one.code | one.doc)
        self._code = [_own(one.code, counts) for one in shapes]
        self._doc = [_own(one.doc, counts) for one in shapes]
        self._owners: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number in range(len(items)):
            for gram in self._code[number] | self._doc[number]:
                self._owners[gram].append(number)
        self.searchable = sum(map(bool, self._code)) + sum(map(bool, self._doc))
        self._begins: dict[tuple[str, ...], list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
        tests = [_tests(item) for item in items]
        for number, body in (*_telling(shapes), *_telling(tests)):
            self._begins[body[:_FIRST]].append((number, body))
        self.searchable += sum(map(len, self._begins.values()))
        self._needed = LEAST_SHARE
        among = [
            share
            for number, one in enumerate(shapes)
            for other, share, how in self.matches(one)
            if other != number and how != "whole program"
        ]
        self._needed = min(MOST_NEEDED, max([LEAST_SHARE, *(s + _ABOVE_CLEAN for s in among)]))

    def matches(self, one: Shape) -> Iterator[tuple[int, float, str]]:
        """The items of which enough stands in a function: number, share, and of what."""
        code: Counter[int] = Counter()
        doc: Counter[int] = Counter()
        for gram in one.code:
            code.update(self._owners.get(gram, ()))
        for gram in one.doc:
            doc.update(self._owners.get(gram, ()))
        for body in one.bodies:
            for number, own in self._begins.get(body[:_FIRST], ()):
                if body[: len(own)] == own:
                    yield number, 1.0, "whole program"
        for number in code.keys() | doc.keys():
            in_code = code[number] / len(self._code[number]) if self._code[number] else 0.0
            in_doc = doc[number] / len(self._doc[number]) if self._doc[number] else 0.0
            share = max(in_code, in_doc)
            if share >= self._needed or (in_code + in_doc) / 2 >= self._needed * 0.8:
                yield number, share, "program" if in_code >= in_doc else "description"


def shape(function: str) -> Shape:
    """The fingerprints of one function's text."""
    name = DEF.match(function)
    own = name[1].lower() if name else ""
    docs = " ".join(match[2] for match in _DOC.finditer(function))
    body = _COMMENT.sub(" ", _DOC.sub(" ", function))
    inner = _after_signature(body)
    return Shape(_code_prints(inner), _doc_prints(docs, own), (numbered(inner),))


def numbered(body: str) -> tuple[str, ...]:
    """The tokens of a body with names numbered as they come, and constants as they are."""
    raw = _TOKEN.findall(body)[:2000]
    names: dict[str, str] = {}
    tokens = []
    for before, token, after in zip(["", *raw], raw, [*raw[1:], ""], strict=False):
        if token[0] in "\"'":
            tokens.append(f"'{token[1:-1]}'")
        elif _normal(token, before, after) == "v" and before != ".":
            tokens.append(names.setdefault(token, f"v{len(names)}"))
        else:
            tokens.append(token)
    return tuple(tokens)


def _telling(shapes: list[Shape]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The bodies that say enough to be told from anybody's, each with its item's number."""
    bodies = [(number, body) for number, one in enumerate(shapes) for body in one.bodies]
    constants = Counter(token for _n, body in bodies for token in _constants(body))
    forms = Counter(map(_form, (body for _n, body in bodies)))
    every = sum(constants.values())
    for number, body in bodies:
        rare = sum(math.log2(every / constants[token]) for token in _constants(body))
        length = max(0, len(body) - _ANYONES) if forms[_form(body)] < _SHARED else 0
        if len(body) >= _FIRST and rare + _BITS_OF_FORM * length >= LEAST_BITS:
            yield number, body


def _constants(body: tuple[str, ...]) -> list[str]:
    """Numbers and texts but those that stand in any program."""
    return [t for t in body if (t[0].isdigit() and t not in _ANY_NUMBER) or (t[0] == "'" and t[3:])]


def _form(body: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("0" if t[0].isdigit() else "s" if t[0] == "'" else t for t in body)


def _tests(item: TestItem) -> Shape:
    """The checks that come with a programming problem: their constants are nobody else's."""
    checks = (answer for answer in item.answers if "assert" in answer and "def " in answer)
    plain = (readable(one.encode("utf-8", "replace")).decode("utf-8", "replace") for one in checks)
    bodies = [shape(text).bodies for one in plain for _at, _name, text in functions(one)]
    whole = (body for found in bodies for body in found if "assert" in body)
    return Shape(frozenset(), frozenset(), tuple(body[:_FIRST_CHECKS] for body in whole))


def item_shape(item: TestItem) -> Shape:
    """Of a programming problem: the question (often the head of a function) and its solution."""
    text = item.question
    if item.target and "def " not in item.target:
        text = f"{item.question}\n{item.target}"
    elif item.target:
        text = f"{item.question}\n\n{item.target}"
    plain = readable(text.encode("utf-8", "replace")).decode("utf-8", "replace")
    shapes = [shape(function) for _at, _name, function in functions(plain)]
    if not shapes:
        return Shape(frozenset(), frozenset())
    return Shape(
        frozenset().union(*(one.code for one in shapes)),
        frozenset().union(*(one.doc for one in shapes)),
        tuple(body for one in shapes for body in one.bodies),
    )


def _own(prints: Prints, counts: Counter[tuple[str, ...]]) -> Prints:
    own = frozenset(gram for gram in prints if counts[gram] < _SHARED)
    return own if len(own) >= FEWEST else frozenset()


def _after_signature(body: str) -> str:
    """What follows the line of the head; annotations and defaults are no fingerprint."""
    depth = 0
    for position, character in enumerate(body[:2000]):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == ":" and depth <= 0:
            return body[position + 1 :]
    return body


def _code_prints(body: str) -> Prints:
    raw = _TOKEN.findall(body)[:2000]
    around = zip(["", *raw], raw, [*raw[1:], ""], strict=False)
    tokens = [_normal(token, before, after) for before, token, after in around]
    grams = [tuple(tokens[i : i + GRAM_TOKENS]) for i in range(len(tokens) - GRAM_TOKENS + 1)]
    return frozenset(_winnow(grams))


def _winnow(grams: list[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """The least of every `WINDOW` neighbours: any run of GRAM_TOKENS + WINDOW - 1 tokens that two
    texts share leaves a fingerprint that they share."""
    if len(grams) <= WINDOW:
        return grams
    values = [hash_of(gram) for gram in grams]
    return {
        grams[min(range(i, i + WINDOW), key=lambda j: values[j])]
        for i in range(len(grams) - WINDOW + 1)
    }


def hash_of(gram: tuple[str, ...]) -> int:
    """The same in every process, which `hash` of a text is not."""
    value = 0
    for token in gram:
        for character in token:
            value = (value * 1_000_003 + ord(character)) & 0xFFFFFFFFFFFF
        value = (value * 31 + 7) & 0xFFFFFFFFFFFF
    return value


def _normal(token: str, before: str, after: str) -> str:
    """A name stays where it is the language's own: a keyword, a method or a function called."""
    if token[0] in "\"'":
        return "s"
    if token[0].isdigit():
        return "0"
    if not (token[0].isalpha() or token[0] == "_") or token in _KEYWORDS:
        return token
    called = after.startswith("(") and (before == "." or token in _FUNCTIONS)
    return token if called else "v"


def _doc_prints(docs: str, own: str) -> Prints:
    words = ["0" if w.isdigit() else w for w in _WORD.findall(docs.lower().replace(own, " "))]
    return frozenset(tuple(words[i : i + DOC_WORDS]) for i in range(len(words) - DOC_WORDS + 1))


def _chunks(case: AuditCase, account: ScanNotes, budget: Budget) -> Iterator[Chunk]:
    """Every text of the agent's in which there is a function, decoded ones included."""
    informs = informing(case.programs)
    for file in own_files(case, account):
        if informs(file) or not _may_hold_code(file):
            continue
        for chunk in read_file(file, account, budget):
            if b"def " in chunk.text:
                yield chunk
            hidden = hidden_texts(chunk.raw)
            if hidden is not None and b"def " in hidden.text:
                line = chunk.first + chunk.raw.count(b"\n", 0, hidden.offsets[0])
                yield Chunk(chunk.file, hidden.text, line, decode=_one_line)
    for _name, made in made_texts(case):
        yield from (chunk for chunk in made if b"def " in chunk.text)


def _one_line(raw: bytes) -> bytes:
    return readable(raw).replace(b"\n", LINE_BREAK)


def _may_hold_code(file: FoundFile) -> bool:
    """Whether a plain file has a function or something encoded in it: far cheaper than reading it
    as text. Archives and tables always may, and so may what cannot be opened (told later)."""
    try:
        with open_regular(file.path) as stream:
            if stream.read(8).startswith(_PACKED) or file.stored < file.size:
                return True
            stream.seek(0)
            end = b""
            while block := stream.read(1 << 20):
                if b"def " in end + block or b"d\x00e\x00f\x00" in block or has_run(block):
                    return True
                end = block[-4:]
    except OSError:
        return True
    return False


def _result(found: Clones, index: Index, account: ScanNotes) -> DetectorResult:
    decides = len(found.best) > TOLERATED_ITEMS
    flags = []
    for number, (share, how, file, line, name) in sorted(found.best.items())[:_MAX_FLAGS]:
        item = index.items[number]
        flags.append(
            Flag(
                detector=NAME,
                kind="renamed-item",
                message=printable(f"{name} in {file} is the {how} of test item {item.id}"),
                decides=decides,
                file=file,
                line=line,
                excerpt=f"def {printable(name, 80)}(...)",
                item_id=item.id,
                item_text=item.question[:1000],
                similarity=round(min(1.0, share), 3),
                confidence=0.9 if decides else 0.5,
            )
        )
    if found.best:
        account.note(f"{len(found.best)} test items stand in the code in another form")
    unread = account.unread_reason()
    return DetectorResult(
        detector=NAME,
        status="skipped" if unread and not decides else "flagged" if flags else "clean",
        flags=tuple(flags),
        reason=unread,
        notes=account.all_notes(),
    )


DETECTOR = CodeCloneDetector()
