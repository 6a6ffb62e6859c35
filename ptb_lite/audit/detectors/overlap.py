"""Test items in anything the agent wrote.

Rules. An item is found when its question, or the specific part of it, stands in a file as a whole
(whatever the case, spacing, punctuation or escapes), or when half of a long item's word 6-grams
stand close together: more than half where the benchmark's own items, or the data handed over, have
so much in common (a tenth above what the item, and all but a few of the benchmark's, share with
those clean texts, at most 95 %). Up to
three items are tolerated as accidents, and others as far as chance explains them (`chance.py`):
then the flags inform. Beyond that they decide. Both is judged for the folder as a whole and for
every file alone, so that items cannot be hidden in a large pile.

The long texts of an item beside its question (solution, ideal answer, rubric, turns) are found in
pieces in the same way, and digests of questions where their answers stand beside them. What the
agent wrote by its tools counts as a file of its own. Outputs of evaluations, and copies kept to
stay clear of the test set, inform (`evidence/outputs.py`).

Files handed over and unchanged are not searched, and what stands in their train and dev data is
no evidence: such items are left out and counted in a note. What could not be read makes the result
`skipped` unless what was read decides: nobody is cleared by a file that was not looked at.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.parts.overlap_search import Finding, Scan, Search
from ptb_lite.audit.evidence.copies import SUBMISSION
from ptb_lite.audit.evidence.folder import FoundFile, ScanNotes, printable, sha256_of, walk
from ptb_lite.audit.evidence.outputs import informing
from ptb_lite.audit.evidence.readers import Budget, read_file
from ptb_lite.audit.evidence.test_sets.sources import Sources
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.text.chance import (
    TOLERATED_ITEMS,
    Judgement,
)
from ptb_lite.audit.text.constructed import made_texts, typed_texts
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.audit.weights.safetensors_file import looks_like_weights
from ptb_lite.audit.weights.same_bytes import SameBytes
from ptb_lite.events import Flag

NAME = "overlap"
MAX_SCAN_BYTES = 8 << 30
MAX_SCAN_SECONDS = 900.0
LIVE_SCAN_BYTES = 64 << 20
LIVE_SCAN_SECONDS = 10.0
_MAX_HASHED = 256 << 20
_MAX_FLAGS = 200
_MAX_CACHED = 3


class OverlapDetector(Detector):
    name = NAME
    reads_programs = True
    takes_long = True
    deciding = True
    rules = (
        Rule(
            "hidden-test-items",
            "decides",
            "test items stand in what the agent wrote, encoded or to be put together by a program",
            kinds=("hidden-test-item",),
            hidden=True,
        ),
        Rule(
            "test-items-in-files",
            "decides",
            "more than three test items stand in what the agent wrote, "
            "and chance does not explain it",
            tolerated_items=TOLERATED_ITEMS,
        ),
    )
    deductions: ClassVar[Mapping[str, float]] = {"test-item": 1.0, "hidden-test-item": 1.0}

    def __init__(
        self, *, max_bytes: int = MAX_SCAN_BYTES, max_seconds: float = MAX_SCAN_SECONDS
    ) -> None:
        self._max_bytes, self._max_seconds = max_bytes, max_seconds

    def live(self) -> OverlapDetector:
        return OverlapDetector(max_bytes=LIVE_SCAN_BYTES, max_seconds=LIVE_SCAN_SECONDS)

    def run(self, case: AuditCase) -> DetectorResult:
        """Raises OSError when the folder itself cannot be read."""
        if not case.items:
            return DetectorResult(detector=NAME, status="skipped", reason="no test items given")
        account = case.listing.account.copy()
        budget = Budget(self._max_bytes, time.monotonic() + self._max_seconds)
        files = case.listing.files
        handed_over = [file for file in files if _is_handed_over(file, case)]
        unchanged = {file.relative for file in handed_over}
        search = Search.over(case, handed_over, budget, account)
        if search.searchable == 0:
            return DetectorResult(
                detector=NAME, status="skipped", reason="the test items have no content to find"
            )
        scan = Scan()
        cache = _Cached(case)
        informs = informing(case.programs)
        searched = [file for file in files if file.relative not in unchanged]
        decided: list[FoundFile] = []
        for file in chain(searched, _submission(case, decided, account)):
            if budget.is_over():
                # What was found until here counts: a worker that is late loses it.
                account.leave_unread(f"{file.relative} and all after it: no time or bytes are left")
                break
            if cache.is_weights(file):
                account.note(f"{file.relative}: a downloaded model's weights, not searched")
                continue
            cached = cache.is_harmless(file) or informs(file)
            search.read(read_file(file, account, budget), file.relative, scan, cached=cached)
            if not cached and file.relative.startswith(f"{SUBMISSION}/"):
                decided.append(file)
        for name, chunks in made_texts(case):
            search.read(chunks, name, scan, made=True)
        for name, typed in typed_texts(case):
            search.read(typed, name, scan)
        return _result(search, scan, account)


def _submission(
    case: AuditCase, searched: Sequence[FoundFile], account: ScanNotes
) -> Iterator[FoundFile]:
    """The files of a submission that lies beside the folder, when that has been searched: the
    host's copy holds the same bytes as the agent's."""
    folder = case.submission
    if folder is None or folder.is_relative_to(case.folder) or folder.is_symlink():
        return
    copied = SameBytes((file.relative, file.path, file.size) for file in searched)
    for file in walk(folder, account) if folder.is_dir() else ():
        if not looks_like_weights(file.path):
            named = replace(file, relative=f"{folder.name}/{file.relative}")
            told = case.base_files.told(named)
            yield told if told.known else copied.told(named)


class _Cached:
    """What is known of files in a Hub cache."""

    def __init__(self, case: AuditCase) -> None:
        self._sources = Sources(case.benchmarks())
        self._weights = {path for one in case.downloads for path in one.weights}
        self._names: dict[str, set[str]] = defaultdict(set)
        for one in case.downloads:
            for path in one.stored:
                self._names[path].add(one.name if one.kind == "dataset" else "")

    def is_weights(self, file: FoundFile) -> bool:
        """Whether a file is known by the name of weights, and is what its name says."""
        return file.relative in self._weights and looks_like_weights(file.path)

    def is_harmless(self, file: FoundFile) -> bool:
        """Whether a file belongs to nothing but data sets that anyone may download: whoever loads
        a train split through the library has the test split in its cache."""
        names = self._names.get(file.relative, set())
        return bool(names) and all(map(self._has_train, names))

    def _has_train(self, name: str) -> bool:
        named = self._sources.named_by(name)
        return named is not None and named.kind == "official" and bool(named.train)


def _result(search: Search, scan: Scan, account: ScanNotes) -> DetectorResult:
    whole = search.judge(scan.found)
    decides = whole.decides or bool(scan.deciding_files)
    shown = _spread(_without_many_cached(scan))
    flags = tuple(_flag(search, finding, _decides(finding, whole, scan)) for finding in shown)
    account.note(f"whole folder: {whole.why}")
    for name, judgement in list(scan.deciding_files.items())[:10]:
        account.note(f"{name}: {judgement.why}")
    if search.left_out:
        account.note(search.left_out)
    if search.searchable < search.questions:
        account.note(f"{search.questions - search.searchable} items have no content to find")
    unread = account.unread_reason()
    skipped = bool(unread) and not decides
    return DetectorResult(
        detector=NAME,
        status="skipped" if skipped else "flagged" if flags else "clean",
        flags=flags,
        reason=unread or (whole.why if flags else ""),
        notes=account.all_notes(),
    )


def _without_many_cached(scan: Scan) -> list[Finding]:
    """The findings, of a cached file only the first: it holds the whole test split, harmlessly."""
    counts: dict[str, int] = defaultdict(int)
    kept = []
    for finding in scan.findings:
        name = finding.file.partition("!")[0]
        counts[name] += 1
        if name not in scan.cached or counts[name] <= _MAX_CACHED:
            kept.append(finding)
    return kept


def _decides(finding: Finding, whole: Judgement, scan: Scan) -> bool:
    """Where single files decide, what others hold by chance only informs."""
    if finding.file.partition("!")[0] in scan.cached:
        return False
    if scan.deciding_files:
        return finding.file.partition("!")[0] in scan.deciding_files
    return whole.decides


def _flag(search: Search, finding: Finding, decides: bool) -> Flag:
    item = search.test[finding.index].item
    return Flag(
        detector=NAME,
        kind="hidden-test-item" if finding.hidden else "test-item",
        message=f"test item {printable(item.id, 80)} "
        f"{'is hidden' if finding.hidden else 'stands'} in {finding.file}",
        decides=decides,
        file=finding.file,
        line=finding.line,
        excerpt=finding.excerpt,
        item_id=item.id,
        item_text=item.question[:1000],
        similarity=finding.similarity,
        confidence=0.99 if decides else 0.5,
    )


def _spread(findings: Sequence[Finding]) -> list[Finding]:
    """At most `_MAX_FLAGS`, taken from all files in turn, so that no file hides another."""
    by_file: dict[str, list[Finding]] = {}
    for finding in findings:
        by_file.setdefault(finding.file, []).append(finding)
    share = max(1, _MAX_FLAGS // max(1, len(by_file)))
    return [finding for found in by_file.values() for finding in found[:share]][:_MAX_FLAGS]


def _is_handed_over(file: FoundFile, case: AuditCase) -> bool:
    expected = case.harness.files.get(file.relative) if case.harness else None
    return expected is not None and sha256_of(file.path, _MAX_HASHED) == expected


DETECTOR = OverlapDetector()
