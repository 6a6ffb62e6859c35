"""The texts that the agent's programs put together (joined, decoded or turned constants), and those
that it wrote by its tools and its shell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.outputs import is_typed_output
from ptb_lite.audit.evidence.readers import Chunk

MAX_MADE = 16 << 20
_FEWEST_TYPED = 40


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
            chunks.append(Chunk(program.file, raw, at, "made"))
        if chunks:
            yield program.file, chunks


def typed_texts(case: AuditCase) -> Iterator[tuple[str, Iterator[Chunk]]]:
    """What the agent wrote by its tools and its shell, as the trace has it; files may be gone."""
    programs = case.programs
    pieces: dict[str, list[str]] = defaultdict(list)
    for turn in programs.turns:
        if turn.kind in ("wrote", "asked"):
            pieces[_place(turn.file, turn.path)].append(turn.text)
    for order in programs.orders:
        if order.command.stdin and order.file.startswith("trace/"):
            pieces[order.file].append(order.command.stdin)
    streams = {turn.file for turn in programs.turns}
    for program in programs.python:
        if program.file in streams:
            pieces[program.file].append(program.source)
    for name, texts in pieces.items():
        raw = "\n".join(dict.fromkeys(texts)).encode("utf-8", "replace")
        if len(raw) >= _FEWEST_TYPED and not is_typed_output(name):
            yield name, iter([Chunk(name, raw, 1)])


def _place(file: str, path: str) -> str:
    return f"{file} ({path[-80:]})" if path else file
