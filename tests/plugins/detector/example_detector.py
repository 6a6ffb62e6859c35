"""A detector for ptb-lite: training data that itself names a source which was not allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import FoundFile, open_regular, printable
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag

NAME = "declared-source"
KIND = "forbidden-source"
FORBIDDEN = ("openai/gsm8k", "openai/openai_humaneval")
MAX_BYTES = 64 << 20
MAX_FLAGS = 50


class DeclaredSource(Detector):
    name = NAME
    rules = (
        Rule(
            "forbidden-source-declared",
            "decides",
            "the training data says that it comes from a benchmark",
            kinds=(KIND,),
        ),
    )
    deductions: ClassVar[Mapping[str, float]] = {KIND: 0.5}

    def live(self) -> Self:
        """Quick and without a model: it may run while the agent is at work."""
        return self

    def run(self, case: AuditCase) -> DetectorResult:
        flags: list[Flag] = []
        unread: list[str] = []
        for file in case.listing.files:
            if not file.relative.endswith(".jsonl"):
                continue
            try:
                flags += flags_of(file)
            except OSError as error:
                unread.append(f"{file.relative}: {error.strerror}")
        if unread:
            # Never "clean" for what was not read.
            reason = f"could not read {', '.join(unread[:5])}"
            return DetectorResult(
                detector=NAME, status="skipped", flags=tuple(flags[:MAX_FLAGS]), reason=reason
            )
        status = "flagged" if flags else "clean"
        return DetectorResult(detector=NAME, status=status, flags=tuple(flags[:MAX_FLAGS]))


def flags_of(file: FoundFile) -> Iterator[Flag]:
    """The file is the agent's: it is not followed as a link, and read in bounded pieces."""
    with open_regular(file.path) as stream:
        for number, line in enumerate(stream.read(MAX_BYTES).splitlines(), start=1):
            source = source_of(line)
            if source in FORBIDDEN:
                yield Flag(
                    detector=NAME,
                    kind=KIND,
                    message=f"the record says that it is from {source}",
                    file=file.relative,
                    line=number,
                    excerpt=printable(line[:200].decode("utf-8", "replace")),
                )


def source_of(line: bytes) -> str:
    """The field `source` of one record; empty for what has none."""
    try:
        return str(json.loads(line)["source"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return ""


DETECTOR = DeclaredSource()
