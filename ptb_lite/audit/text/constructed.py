"""The texts that the agent's programs put together: joined, decoded or turned constants."""

from __future__ import annotations

from collections.abc import Iterator

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.readers import Chunk
from ptb_lite.audit.text.normal import readable

MAX_MADE = 16 << 20


def made_texts(case: AuditCase) -> Iterator[tuple[str, list[Chunk]]]:
    """By program: what it makes, each text a chunk with the line that makes it."""
    left = MAX_MADE
    for program in case.programs.python:
        followed = case.programs.followed(program)
        if followed is None:
            continue  # it is searched as text all the same
        chunks, seen = [], set()
        for line, text in followed.made:
            if text in seen or text in program.source:
                continue
            seen.add(text)
            left -= len(text)
            if left < 0:
                return
            # One line: every hit in it is on the line of the program that makes it.
            raw = text.replace("\n", "\t\t").encode("utf-8", "replace")
            at = program.line(line)
            chunks.append(Chunk(program.file, readable(raw), at, "made", raw))
        if chunks:
            yield program.file, chunks
