"""Files that hold test items because somebody evaluated: they are no training data.

Known by form (`output_forms.py`), also inside of archives and in a notebook's output; by what reads
them (a program that compares with them and passes nothing on, a command that shows them); and
PostTrainBench's own copies of the test set. They inform. What feeds them into training decides:
the detectors for ingestion and answer keys take each of them for test data and follow it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol

from ptb_lite.audit.code.flows import READS, names_test, used_for
from ptb_lite.audit.code.interpret import UnreadableCodeError, interpret
from ptb_lite.audit.code.shell import redirected
from ptb_lite.audit.code.values import Label, Site
from ptb_lite.audit.evidence.folder import FoundFile, ScanNotes, open_regular, start_of
from ptb_lite.audit.evidence.output_forms import TRAINS, is_inspect, is_lm_eval, is_output_form
from ptb_lite.audit.evidence.readers import Budget, read_file
from ptb_lite.audit.evidence.tables import TableError, column_names
from ptb_lite.audit.item import TestItem

if TYPE_CHECKING:
    from ptb_lite.audit.evidence.programs import Program, Programs
    from ptb_lite.audit.text.matcher import Matcher


class WhatWasRead(Protocol):
    """The part of what was read of the agent's programs that outputs are told by."""

    @property
    def outputs(self) -> tuple[str, ...]: ...
    @property
    def harness(self) -> frozenset[str]: ...


_PEEK = 256 << 10
_LEAST = 64
"""Two samples with their questions and what the model said are no shorter, in bytes."""
_MAX_OUTPUTS = 400
_MAX_BYTES = 256 << 20
_MAX_SECONDS = 30.0
_MAX_ASIDE = 64 << 20
_MAX_FOLLOWED = 200
_WITH_MEMBERS = (".gz", ".bz2", ".xz", ".zip", ".tgz", ".tar", ".eval")
_TABLES = (".parquet", ".arrow")
_VIEWERS = {"cat", "head", "tail", "less", "more", "wc", "grep", "rg", "sed", "awk", "ls", "diff",
            "view", "bat", "nl", "cut", "sort", "uniq", "rm", "stat", "file", "jq"}  # fmt: skip
_MEMORY = re.compile(
    r"(?:^|/)(?:(?:claude|agents?|gemini|copilot[-_]instructions|memor(?:y|ies)|notes?|todo|hints?|"
    r"lessons|learnings|handoff|scratch\w*|cheat_?sheet)(?:[._-]\w+)*|"
    r"(?:\.(?:claude|codex|gemini|cursor|opencode|aider)[^/]*|memor(?:y|ies))/(?:[^/]+/)*[^/]+)"
    r"\.(?:mdc?|txt|rst|ya?ml|toml)$|(?:^|/)\.(?:cursor|windsurf|cline)rules$",
    re.IGNORECASE,
)
_TEXT = {"", ".txt", ".md", ".log", ".out"}


def is_handed_test_data(relative: str, harness: frozenset[str]) -> bool:
    """PostTrainBench's own copies of the test set: handed out against contamination, or kept by
    its evaluation code."""
    *folders, own = relative.split("/")
    if own == "test_data.json":
        return True
    if not any(name.endswith("evaluate.py") for name in harness):
        return False
    in_code = "evaluation_code" in folders
    cached = folders[-1:] == ["data"] and own.startswith(("healthbench", "arena"))
    return (in_code or cached) and not TRAINS.search(own)


def is_memory(relative: str) -> bool:
    """Whether a file is what an agent reads as its instructions or writes down for itself: what it
    holds is there to be used, and not kept aside."""
    return _MEMORY.search(relative) is not None


def informing(programs: WhatWasRead) -> Callable[[FoundFile], bool]:
    """Whether test items in a file only inform."""
    outputs = set(programs.outputs)
    return lambda file: (
        file.relative in outputs or is_handed_test_data(file.relative, programs.harness)
    )


def is_typed_output(name: str) -> bool:
    """Whether a file of the trace's is a copy of the test set by its name."""
    return PurePosixPath(name.rpartition("(")[2].rstrip(")")).name == "test_data.json"


def holding_items(
    files: Sequence[FoundFile],
    items: Sequence[TestItem],
    programs: Programs,
    handed: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    """The files among `files` in which test items stand and only inform: `handed` out by the task,
    outputs of evaluations, and those that programs and commands keep aside."""
    if not items:
        return tuple(
            file.relative
            for file in files
            if file.suffix in {".json", ".jsonl"}
            and (is_inspect(start := _peek(file)) or is_lm_eval(start))
        )
    search = _Holding(items)
    found: list[str] = []
    aside = _Aside(programs, files)
    for file in files:
        name = file.relative
        given = name in handed or is_handed_test_data(name, programs.harness)
        if (given and search.holds(file)) or (
            not given and (search.is_output(file) or (aside.keeps(file) and search.holds(file)))
        ):
            found.append(name)
            if len(found) >= _MAX_OUTPUTS:
                break
    return tuple(found)


class _Holding:
    """Whether a file holds test items, and where. Bounded in bytes and time over all files.

    The searches are made when a file is first looked into: in most folders none is.
    """

    def __init__(self, items: Sequence[TestItem]) -> None:
        self._items = tuple(items)
        self._budget = Budget(_MAX_BYTES, time.monotonic() + _MAX_SECONDS)

    @cached_property
    def _matcher(self) -> Matcher:
        # Here, since what judges cases alone needs no matcher.
        from ptb_lite.audit.text.searches import search_for_items

        return search_for_items(self._items)

    @cached_property
    def _answers(self) -> Matcher:
        from ptb_lite.audit.text.searches import search_for_answers

        return search_for_answers(self._items)

    def holds(self, file: FoundFile) -> bool:
        """Whether more than one item stands in a file."""
        return self._finds(self._matcher, file)

    def _finds(self, matcher: Matcher, file: FoundFile) -> bool:
        hits: set[int] = set()
        for chunk in read_file(file, ScanNotes(), self._budget):
            matcher.search(chunk.text, hits)
            if len(hits) > 1:
                return True
        return False

    def is_output(self, file: FoundFile) -> bool:
        """Whether all that holds test items in it has an output's form."""
        low = file.name.lower()
        if low.endswith(".ipynb"):
            return self._is_printed_by(file)
        if low.endswith(_WITH_MEMBERS):
            return file.size <= _MAX_ASIDE and (
                self._holds_outputs(self._matcher, file)
                or (low.endswith(".eval") and self._holds_outputs(self._answers, file))
            )
        if file.size < _LEAST:
            return False
        start = _titles(file) if low.endswith(_TABLES) else _peek(file)
        if not is_output_form(file.relative, start):
            return False
        # Of a conversation a log may show no more than the last turn and the ideal answer.
        return self.holds(file) or (
            (is_inspect(start) or is_lm_eval(start)) and self._finds(self._answers, file)
        )

    def _holds_outputs(self, matcher: Matcher, file: FoundFile) -> bool:
        """Whether more than one item stands in an archive, and only in members of that form."""
        total, member, hits, form = 0, "", set[int](), False
        for chunk in read_file(file, ScanNotes(), self._budget):
            if chunk.file != member:
                total += len(hits)
                member, hits, form = (
                    chunk.file,
                    set(),
                    is_output_form(chunk.file, chunk.raw[:_PEEK]),
                )
            if not form and member == file.relative:
                return False  # packed alone
            matcher.search(chunk.text, hits)
            if hits and not form:
                return False
        return total + len(hits) > 1

    def _is_printed_by(self, file: FoundFile) -> bool:
        """Whether a notebook has test items in what its cells printed, and none in the cells."""
        from ptb_lite.audit.text.normal import readable

        try:
            with open_regular(file.path) as stream:
                cells = json.loads(stream.read(_MAX_ASIDE))["cells"]
            sources = json.dumps([cell.get("source") for cell in cells])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False
        written: set[int] = set()
        self._matcher.search(readable(sources.encode()), written)
        return not written and self.holds(file)


class _Aside:
    """Copies of test items that programs compare with, and that commands show."""

    def __init__(self, programs: Programs, files: Sequence[FoundFile]) -> None:
        self._programs, self._left = programs, _MAX_FOLLOWED
        names = {file.name for file in files if self._may_keep(file)}
        self._commanded = _naming(names, (order.command.text() for order in programs.orders))
        self._readers = _naming(names, (one.source for one in programs.python))

    def keeps(self, file: FoundFile) -> bool:
        """Whether a file is kept aside, as far as its name and what names it tell. What is for
        training by its name is not."""
        name = file.name
        if not self._may_keep(file):
            return False
        readers = [self._programs.python[number] for number in self._readers.get(name, ())]
        if names_test(name) and (readers or name in self._commanded):
            return True
        if readers:
            return any(self._compares(one, name) for one in readers)
        return file.suffix in _TEXT and name in self._commanded and self._is_shown(name)

    @staticmethod
    def _may_keep(file: FoundFile) -> bool:
        plain = not TRAINS.search(file.name) and not is_memory(file.relative)
        return plain and len(file.name) >= 4 and file.size <= _MAX_ASIDE

    def _compares(self, program: Program, name: str) -> bool:
        """Whether a program reads a file and passes nothing of it on."""
        self._left -= 1
        found: list[Label] = []

        def label(site: Site) -> list[Label]:
            short = (text for text in site.texts() if len(text) < 400)
            if not READS.search(site.name) or not any(text.endswith(name) for text in short):
                return []
            modes = [text for text in site.argument(1, "mode").texts() if len(text) <= 3]
            if any(set(mode) & set("wax") for mode in modes):
                return []
            found.append(Label(name, site.line))
            return found[-1:]

        try:
            # Not as it is read for all: that is when outputs are known.
            world = self._programs.world(program)
            sites = (
                interpret(program.source, label=label, world=world).sites if self._left > 0 else []
            )
        except UnreadableCodeError:
            return False
        used = used_for(sites, frozenset(found))
        return bool(found) and (used is None or used[0] == "results")

    def _is_shown(self, name: str) -> bool:
        """Whether all commands that name a file only show it, or made it by showing something."""
        orders = [self._programs.orders[n].command for n in self._commanded.get(name, ())]
        return bool(orders) and all(
            command.program in _VIEWERS
            and all(target.endswith(name) for target in redirected(command))
            for command in orders
        )


def _naming(names: Iterable[str], texts: Iterable[str]) -> dict[str, list[int]]:
    """By name, the numbers of the texts that it stands in. One pass, however many names."""
    from ahocorasick_rs import BytesAhoCorasick

    known = sorted(names)
    found: dict[str, list[int]] = {}
    if not known:
        return found
    search = BytesAhoCorasick([name.encode("utf-8", "surrogatepass") for name in known])
    for number, text in enumerate(texts):
        raw = text.encode("utf-8", "surrogatepass")
        for at in {at for at, *_ in search.find_matches_as_indexes(raw, overlapping=True)}:
            found.setdefault(known[at], []).append(number)
    return found


def _titles(file: FoundFile) -> bytes:
    """The names of a table's columns, as the first line of a CSV file."""
    try:
        with open_regular(file.path) as stream:
            names = column_names(stream)
    except (OSError, TableError):
        return b""
    return ",".join(names[:50]).encode("utf-8", "replace")


def _peek(file: FoundFile) -> bytes:
    return start_of(file, _PEEK)
