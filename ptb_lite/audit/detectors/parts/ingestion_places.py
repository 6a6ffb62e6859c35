"""Test data under a local name: in the folder, where a download or an archive went, or gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.test_sets.sources import FILE_PART, Named

UNPACKING = {"unpack_archive", "extractall", "extract"}
"""Calls that write the members of an archive into a folder."""
UNPACKED_TO = ("extract_dir", "path")
"""What they call the folder."""
_MAX_PLACES, _SHORT, _LEAST = 400, 8, 4
_SAMPLES = "samples"  # the folder in which inspect's archives hold them
_ROOTS = {"", ".", "..", "/", "~", "tmp"}
_LOGGED = re.compile(
    r"(?:^|/)(?:[^/]+\.eval|logs/[^/]+\.json|samples_[^/]+\.jsonl)(?:\.(?:gz|zip|tgz|tar))?$|"
    r"(?:^|/)logs\.(?:zip|tgz|tar(?:\.\w+)?|7z)$"
)
_OTHER = re.compile(r"(?:^|[^a-z])(?:dev|val(?:id\w*)?|train\w*)(?:[^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """A path, and the test data that lies there."""

    path: str
    named: Named

    def holds(self, text: str) -> bool:
        """Whether a path is this one or lies below it; of a data set that has parts to train on
        and was taken whole, not a file that says it is one, and of what is only called after it
        none but the test file."""
        if not is_path(text, self.path):
            return False
        if not self.named.train or self.named.part:
            return True
        part = FILE_PART.search(text.rpartition("/")[2])
        return self.named.listed if part is None else not self.named.harmless(part[1].lower())


class Places:
    """What is known under a local name; a walk over them sees those that are added meanwhile.
    `others` tell what a path means that is in none of them."""

    def __init__(self, first: Iterable[Place] = (), *others: Callable[[str], Named | None]) -> None:
        self._all = list(first)
        self._others = others

    def __iter__(self) -> Iterator[Place]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, place: Place) -> None:
        if place not in self._all and len(self._all) < _MAX_PLACES:
            self._all.append(place)

    def forget(self, known: int) -> None:
        """All but the first so many."""
        del self._all[known:]

    def of(self, text: str) -> Place | None:
        """The place that a file's name means."""
        known = next((place for place in self._all if place.holds(text)), None)
        return known or self._beyond(text)

    def in_words(self, words: Iterable[str]) -> Iterator[Place]:
        """All that are known, and those beyond that words mean."""
        yield from self._all
        yield from filter(None, (self._beyond(word) for word in words if len(word) > _SHORT))

    def _beyond(self, text: str) -> Place | None:
        named = next(filter(None, (other(text) for other in self._others)), None)
        return Place(text, named) if named else None


class GoneLogs:
    """Logs of evaluations that were deleted: where the harness evaluates on the test set, they
    held its items. What lies in the folder is told by its content instead."""

    def __init__(self, case: AuditCase) -> None:
        programs = case.programs
        known = any(name.endswith("evaluate.py") for name in programs.harness)
        self._benchmark = next(iter(sorted(case.benchmarks())), "")
        # One who runs inspect by hand may have evaluated on anything.
        own = any(order.command.words[:2] == ("inspect", "eval") for order in programs.orders)
        self._on = bool(self._benchmark) and (known or case.rules.test_feedback) and not own
        self._case = case

    def named_by(self, text: str) -> Named | None:
        """The test data that a path means, if it is a log of an evaluation and lies nowhere."""
        if not self._on or len(text) > 400 or not _LOGGED.search(text) or _OTHER.search(text):
            return None
        if any(is_path(text, file.relative) for file in self._case.listing.files):
            return None
        return Named(self._benchmark, text[:120], "official", (), "test")


def files_of_tests(case: AuditCase) -> Iterator[Place]:
    """Test items that were handed over, where the rules let the agent evaluate on them, and what
    evaluations put out."""
    benchmarks = sorted(case.benchmarks())
    for relative in case.programs.outputs:
        name = benchmarks[0] if benchmarks else "the benchmark"
        yield Place(relative, Named(name, relative, "official", (), "test"))
    if not case.harness and benchmarks:
        yield Place(
            "test_data.json", Named(benchmarks[0], "test_data.json", "official", (), "test")
        )
    for relative in case.harness.files if case.harness else ():
        path = PurePosixPath(relative)
        if "test" in path.stem.lower() and path.suffix in {".jsonl", ".json", ".csv", ".parquet"}:
            benchmark = path.parent.name
            yield Place(relative, Named(benchmark, relative, "official", (), "test"))


def unpacked(place: Place, folders: Iterable[str]) -> Iterator[Place]:
    """Where the members of an archive lie afterwards. Into a folder that holds all sorts of things
    only those of inspect's archives are followed, whose folder has a name."""
    for folder in folders:
        to = folder.removeprefix("./").rstrip("/")
        if len(to) >= _LEAST and to.rpartition("/")[2] not in _ROOTS:
            yield Place(to, place.named)
        elif place.path.endswith(".eval"):
            yield Place(f"{folder}/{_SAMPLES}".removeprefix("./").lstrip("/"), place.named)


def is_path(text: str, path: str) -> bool:
    """Whether `text` is that file, or one below that folder."""
    if len(path) < _LEAST or len(text) > 400:
        return False
    if f"/{path}/" in f"/{text}":
        return True
    if "*" in text and "." in text.rpartition("/")[2]:
        return PurePosixPath(path).match(text.removeprefix("./"))
    return text == path or text.endswith(f"/{path}")
