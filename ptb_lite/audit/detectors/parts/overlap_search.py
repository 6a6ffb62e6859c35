"""The search for test items in files: what is looked for, and what a pass over them finds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import FoundFile, ScanNotes, printable
from ptb_lite.audit.evidence.readers import Budget, Chunk, read_file
from ptb_lite.audit.item import TestItem
from ptb_lite.audit.text.chance import (
    SIBLING_FACTOR,
    Judgement,
    Sizes,
    judge,
    siblings,
)
from ptb_lite.audit.text.digests import DigestTable
from ptb_lite.audit.text.matcher import MIN_CONTAINMENT, Hit, Matcher
from ptb_lite.audit.text.normal import readable
from ptb_lite.audit.text.phrases import (
    Wanted,
    want,
    wanted_answers,
    wanted_items,
    wanted_questions,
)
from ptb_lite.audit.text.token_ids import TokenTexts
from ptb_lite.audit.text.views import hidden_texts

MAX_FINDINGS = 2000
_MAX_FILES_WITH_HITS = 10_000
_EXCERPT = 200
MAX_CONTAINMENT = 0.95
_ABOVE_CLEAN = 0.1
_FEW_TWINS = 3


@dataclass(frozen=True)
class Finding:
    """One item in one file, with the place and the text around it; `hidden` when it had to be
    decoded or put together first."""

    index: int
    file: str
    line: int
    similarity: float
    excerpt: str
    hidden: bool = False


@dataclass
class Scan:
    """What one pass over the folder found, file by file, and whether any file decides alone."""

    findings: list[Finding] = field(default_factory=list)
    found: set[int] = field(default_factory=set)
    deciding_files: dict[str, Judgement] = field(default_factory=dict)
    files_with_hits: int = 0
    cached: set[str] = field(default_factory=set)


class Search:
    """The test items, their control, and one automaton for both."""

    def __init__(self, test: Sequence[Wanted], control: Sequence[Wanted]) -> None:
        self._factor = 1.0
        self._tokens = TokenTexts(())
        answers = wanted_answers(tuple(wanted.item for wanted in test))
        self.questions = len(test)
        self.test, self.control = (*test, *answers), tuple(control)
        self.searchable = sum(bool(want.phrases or want.grams) for want in test)
        self.sizes = Sizes.of(test, self.control)
        self.matcher = Matcher((*self.test, *self.control))

    @classmethod
    def over(
        cls, case: AuditCase, handed_over: Sequence[FoundFile], budget: Budget, account: ScanNotes
    ) -> Search:
        """Leaves out control items that the agent was given, and sets the thresholds of long
        items by what clean texts have in common."""
        draft, among_items = _draft(tuple(case.items), tuple(case.control))
        given: set[int] = set()
        shares = defaultdict(float, among_items)
        for file in handed_over:
            if _is_test_file(file):
                continue
            for chunk in read_file(file, account, budget):
                draft.matcher.search(chunk.text, given)
                for index, share in draft.matcher.shares(chunk.text).items():
                    shares[index] = max(shares[index], share)
        return draft.without(given, account).held_to(
            draft.thresholds(shares),
            factor=1.0 if case.control else SIBLING_FACTOR,
            tokens=TokenTexts(_tokenizers(case)),
        )

    def without(self, given: set[int], account: ScanNotes) -> Search:
        """The search for what is not among `given`, by index."""
        test, border = self.test[: self.questions], len(self.test)
        questions = sum(index < len(test) for index in given)
        if questions:
            account.note(f"{questions} test items stand in the data handed over; not looked for")
        elif not any(index >= border for index in given):
            return self
        return Search(
            [wanted for number, wanted in enumerate(test) if number not in given],
            [wanted for number, wanted in enumerate(self.control, border) if number not in given],
        )

    def held_to(
        self, thresholds: Mapping[tuple[str, str], float], *, factor: float, tokens: TokenTexts
    ) -> Search:
        """The same search with other thresholds (`Matcher.held_to`), and no share of its state."""
        changed = copy(self)
        vars(changed).pop("digests", None)
        changed.matcher = self.matcher.held_to(thresholds)
        changed._factor, changed._tokens = factor, tokens
        return changed

    @cached_property
    def digests(self) -> DigestTable:
        return DigestTable([wanted.item for wanted in self.test[: self.questions]])

    @property
    def left_out(self) -> str:
        """What no limit allowed to be searched, in one sentence; empty: nothing."""
        return self._tokens.left_out

    def shares_among_items(self) -> dict[int, float]:
        """For every long test item, how much of it another test item contains."""
        shares: dict[int, float] = defaultdict(float)
        for own, wanted in enumerate(self.test[: self.questions]):
            text = readable(wanted.item.question.encode("utf-8", "replace"))
            for index, share in self.matcher.shares(text).items():
                if index != own:
                    shares[index] = max(shares[index], share)
        return shares

    def thresholds(self, shares: Mapping[int, float]) -> dict[tuple[str, str], float]:
        """The least containment that counts: of every item above its own share, and above what all
        but a few of the benchmark's items share. So a pair of twins raises nobody else's."""
        least: dict[tuple[str, str], float] = {}
        known: dict[str, list[tuple[float, str]]] = defaultdict(list)
        for index, wanted in enumerate(self.test[: self.questions]):
            known[wanted.item.benchmark].append((shares.get(index, 0.0), wanted.item.id))
        for benchmark, found in known.items():
            found.sort(reverse=True)
            usual = found[min(len(found) - 1, max(_FEW_TWINS, len(found) // 50))][0]
            least[benchmark, ""] = _above(usual)
            for share, name in found:
                if share <= usual:
                    break
                least[benchmark, name] = _above(share)
        return least

    def read(
        self,
        chunks: Iterable[Chunk],
        file: str,
        scan: Scan,
        *,
        cached: bool = False,
        made: bool = False,
    ) -> None:
        """Search one file and judge it alone. What is `cached` informs only; what is `made` stands
        nowhere as it is."""
        found: set[int] = set()
        for chunk in chunks:
            for hit in self.matcher.search(chunk.text, found):
                self._tell(chunk, chunk.text, hit.start, hit, scan, chunk.text if made else None)
            for index, at in self.digests.answered(chunk.raw):
                if index not in found:
                    found.add(index)
                    self._tell(chunk, chunk.raw, at, Hit(index, at, 1.0, True), scan)
            for hidden in (hidden_texts(chunk.raw), self._tokens.texts(chunk.raw)):
                if hidden is None:
                    continue
                text = readable(hidden.text)
                for hit in self.matcher.search(text, found):
                    self._tell(chunk, chunk.raw, hidden.offset_of(hit.start), hit, scan, text)
        if cached:
            scan.cached.add(file)
            return
        scan.found |= found
        if found and scan.files_with_hits < _MAX_FILES_WITH_HITS:
            scan.files_with_hits += 1
            judgement = self.judge(found)
            if judgement.decides:
                scan.deciding_files[file] = judgement

    def _tell(
        self, chunk: Chunk, text: bytes, at: int, hit: Hit, scan: Scan, shown: bytes | None = None
    ) -> None:
        """`at` is the place in `text`, whose lines are the file's; `shown` what was decoded."""
        if hit.index < len(self.test) and len(scan.findings) < MAX_FINDINGS:
            line = chunk.first + text.count(b"\n", 0, at)
            excerpt = _excerpt(text, at) if shown is None else _excerpt(shown, hit.start)
            hidden = shown is not None or hit.turned or chunk.unit == "made"
            scan.findings.append(
                Finding(hit.index, chunk.file, line, hit.similarity, excerpt, hidden)
            )

    def judge(self, found: set[int]) -> Judgement:
        border = len(self.test)
        # A question and its answer are one item.
        by_item = {(self.test[i].item.id, i < self.questions): self.test[i]
                   for i in sorted(found) if i < border}  # fmt: skip
        test = [
            wanted for (name, is_question), wanted in by_item.items()
            if not is_question or (name, False) not in by_item
        ]  # fmt: skip
        control = [self.control[index - border] for index in found if index >= border]
        return judge(test, control, self.sizes, factor=self._factor)


def prepare_search(case: AuditCase) -> None:
    """Build what a search over `case` begins with, before processes are forked that need it."""
    _draft(tuple(case.items), tuple(case.control))


@lru_cache(maxsize=2)
def _draft(
    items: tuple[TestItem, ...], control: tuple[TestItem, ...]
) -> tuple[Search, Mapping[int, float]]:
    """The search before anything of a folder is known, and what its items share."""
    templates, test = wanted_questions(items)
    if control:
        search = Search(test, wanted_items(control, templates))
    else:
        search = Search(test, [want(item, templates) for item in siblings(test, templates)])
    return search, search.shares_among_items()


def _tokenizers(case: AuditCase) -> list[Path]:
    """The base model's, the instruct version's, and those in the folder."""
    models = [folder for folder in (case.base_model, case.instruct_model) if folder is not None]
    own = [file.path for file in case.listing.files if file.name == "tokenizer.json"]
    return [*(path for one in models if (path := one / "tokenizer.json").is_file()), *own[:2]]


def _above(share: float) -> float:
    return max(MIN_CONTAINMENT, min(MAX_CONTAINMENT, share + _ABOVE_CLEAN))


def _excerpt(text: bytes, at: int) -> str:
    start = max(text.rfind(b"\n", 0, at) + 1, at - _EXCERPT // 2)
    stop = text.find(b"\n", at)
    stop = min(len(text) if stop < 0 else stop, start + _EXCERPT)
    return printable(text[start:stop].decode("utf-8", "replace").replace("\x0b", " "), _EXCERPT)


def _is_test_file(file: FoundFile) -> bool:
    """With feedback on the test split the test file itself is handed over."""
    return "test" in file.relative.rpartition("/")[2].lower()
