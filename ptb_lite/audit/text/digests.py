"""Look-up tables: digests of test questions with their answers beside them.

A digest alone tells nothing (whoever stays clear of the test set keeps such lists); a digest
followed by the item's own answer is a table to answer from. md5, sha1 and sha256 count, of the
question as it stands, stripped, and in lower case, also when cut to their first characters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from ptb_lite.audit.case import TestItem
from ptb_lite.audit.text.views import run_starts

MAX_BYTES = 128 << 20
_KEPT = 12
_RUN = re.compile(rb"(?<![0-9a-zA-Z])[0-9a-f]{12,64}(?![0-9a-zA-Z])")
_ALPHABET = ((frozenset(b"0123456789abcdef"), _KEPT),)
_WINDOW = 80
_ALGORITHMS = ("md5", "sha1", "sha256")


class DigestTable:
    """Digests of the items of a benchmark, by their first characters."""

    def __init__(self, items: Sequence[TestItem]) -> None:
        self._known: dict[bytes, tuple[int, re.Pattern[bytes]]] = {}
        self._left = MAX_BYTES
        for index, item in enumerate(items):
            answer = item.target.rpartition("####")[2].strip()
            if not answer or len(answer) > 40:
                continue
            pattern = re.compile(
                rb"(?<![0-9a-zA-Z.])" + re.escape(answer.encode()) + rb"(?![0-9a-zA-Z])"
            )
            question = item.question
            for form in {question, question.strip(), question.strip().lower()}:
                for name in _ALGORITHMS:
                    digest = hashlib.new(name, form.encode("utf-8", "replace"))
                    self._known[digest.hexdigest()[:_KEPT].encode()] = (index, pattern)

    def answered(self, raw: bytes) -> Iterator[tuple[int, int]]:
        """Item and place of every digest in `raw` whose answer stands right behind it."""
        self._left -= len(raw)
        if self._left < 0 or not self._known:
            return
        for start in run_starts(raw, _ALPHABET)[0]:
            found = self._known.get(raw[start : start + _KEPT])
            match = _RUN.match(raw, start) if found is not None else None
            if found is None or match is None:
                continue
            behind = raw[match.end() : match.end() + _WINDOW]
            following = _RUN.search(behind)
            if found[1].search(behind[: following.start()] if following else behind):
                yield found[0], match.start()
