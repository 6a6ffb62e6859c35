"""Chains of processes from test data to a training, as the host recorded them.

A chain says that content may have gone from one file to another. It decides where what came out
also holds text that stood in what went in, and in nothing else that went in; else it informs,
since a program may read an evaluation's score and write unrelated data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.code.flows import is_result_file, is_training_file, names_test
from ptb_lite.audit.detectors.parts.ingesting.places import Places
from ptb_lite.audit.evidence.folder import open_regular, printable
from ptb_lite.audit.evidence.test_sets.sources import FILE_PART, Sources
from ptb_lite.events import Flag
from ptb_lite.provenance import COPIES
from ptb_lite.provenance.history import Chain, History, Hop

SHARED = 60
"""So many runs of `_RUN` words in common show that content went along: those of some three items.
"""
_RUN = 8
_LARGEST = 4 << 20
_MAX_OTHERS = 40
_TABLES = re.compile(r"(?:^|/)([\w.-]+?)___([\w.-]+)/")
_WORD = re.compile(rb"[^\W_]+")
_ESCAPE = re.compile(rb"\\(?:[ntr\"/\\]|u[0-9a-fA-F]{4})")


class Contents:
    """The content of recorded files: a kept copy, or what lies in the workspace now."""

    def __init__(self, workspace: Path, record: Path) -> None:
        self._workspace, self._copies = workspace, record / COPIES
        self._runs: dict[tuple[str, str], frozenset[int]] = {}

    def runs(self, path: str, sha256: str) -> frozenset[int]:
        """The runs of words of a file (hashes); none where its content is not known."""
        key = (path, sha256)
        if key not in self._runs:
            self._runs[key] = _runs_of(self._raw(path, sha256))
        return self._runs[key]

    def _raw(self, path: str, sha256: str) -> bytes:
        places = [self._copies / sha256] if sha256 else []
        if not path.startswith("/") and ".." not in path.split("/"):
            places.append(self._workspace / path)
        for place in places:
            try:
                with open_regular(place) as stream:
                    return stream.read(_LARGEST)
            except OSError:
                continue
        return b""


def _runs_of(raw: bytes) -> frozenset[int]:
    words = _WORD.findall(_ESCAPE.sub(b" ", raw).lower())
    return frozenset(hash(tuple(words[at : at + _RUN])) for at in range(len(words) - _RUN + 1))


def shared_runs(chain: Chain, history: History, contents: Contents, known: frozenset[int]) -> int:
    """How many runs of words the training file has in common with the source and with nothing
    else that the chain's programs read, nor with `known`."""
    source, end = chain.source, chain.end
    common = contents.runs(source.source, source.source_sha256) & contents.runs(
        end.source, end.source_sha256
    )
    common -= known
    names = {hop.source for hop in chain.hops} | {hop.target for hop in chain.hops}
    for hop in chain.hops[:-1]:
        others = (act for act in history.read_by(hop.program.entry) if act.path not in names)
        for act in islice(others, _MAX_OTHERS):
            if not common:
                return 0
            common -= contents.runs(act.path, act.sha256)
    return len(common)


def chain_flags(
    detector: str,
    kind: str,
    history: History,
    contents: Contents,
    is_source: Callable[[str], bool],
    handed: Iterable[str] = (),
    what: str = "test items",
) -> Iterator[Flag]:
    """Flags on chains from files of these names to a training. `handed` are files that were handed
    over: what stands in them too came from there. A training that reads a source itself decides
    where it has no other use for it: another program may evaluate, too."""
    chains = history.chains(is_source)
    if not chains:
        return
    known = frozenset[int]().union(
        *(contents.runs(name, "") for name in islice(handed, _MAX_OTHERS) if not is_source(name))
    )
    for chain in chains:
        direct = len(chain.hops) == 1
        shared = 0 if direct else shared_runs(chain, history, contents, known)
        decides = history.only_trains(chain.end.program) if direct else shared >= SHARED
        if _is_aside(chain) and not history.only_trains(chain.end.program):
            decides = False
        if not decides and any(_is_agent(hop) for hop in chain.hops[:-1] or chain.hops):
            continue  # it reads and writes everything: that alone says nothing
        said = f"{chain.sentence()} ({what})"
        if shared >= SHARED:
            said += f"; {shared} runs of {_RUN} words went along"
        yield Flag(
            detector=detector,
            kind=kind,
            message=printable(f"seen by the host: {said}", 700),
            decides=decides,
            file=printable(chain.end.source) if not chain.end.source.startswith("/") else None,
            confidence=0.95 if decides else 0.5,
        )


def _is_aside(chain: Chain) -> bool:
    """Whether what the training read is named as something to evaluate on."""
    name = PurePosixPath(chain.end.source).name
    return (names_test(name) or is_result_file(name)) and not is_training_file(name)


def _is_agent(hop: Hop) -> bool:
    """Whether it is the agent's own program, above which there is none."""
    return hop.program.parent is None


def recorded_ingestion(
    detector: str, case: AuditCase, sources: Sources, places: Places
) -> Iterator[Flag]:
    """Chains from files that hold test data: handed over, downloaded, or written by what reads
    them, as far as `places` knows them by name."""
    if case.history is None or case.provenance is None:
        return

    def is_source(path: str) -> bool:
        return places.of(path) is not None or _in_cache(path, sources)

    handed = case.harness.files if case.harness else {}
    contents = Contents(case.folder, case.provenance)
    yield from chain_flags(detector, "test-set-used", case.history, contents, is_source, handed)


def _in_cache(path: str, sources: Sources) -> bool:
    """Whether a file is the test split of a data set, among the tables that `datasets` makes."""
    made, part = _TABLES.search(path), FILE_PART.search(path.rpartition("/")[2])
    named = sources.named_by(f"{made[1]}/{made[2]}") if made else None
    return named is not None and part is not None and not named.harmless(part[1])
