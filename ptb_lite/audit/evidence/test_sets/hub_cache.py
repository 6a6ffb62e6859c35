"""What was really downloaded into a Hugging Face cache, told by the cache's layout.

The Hub's client keeps a repository in `models--OWNER--NAME` or `datasets--OWNER--NAME`: its files'
bytes in `blobs/` or, shared by all repositories, in a store beside them, and in `snapshots/` links
to them by the files' names. The library `datasets` keeps the tables that it has made in
`OWNER___NAME`. Only bytes that lie in the cache itself count: a repository of nothing but links to
elsewhere, as a run makes them for what the host has, is no download. Names of links are read; none
is followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from ptb_lite.audit.evidence.folder import FoundFile, printable
from ptb_lite.audit.evidence.readers import WEIGHT_SUFFIXES

MAX_ENTRIES = 50_000
"""Names that are read of all repositories together."""
_REPOSITORY = re.compile(r"^((?:.+/)?(models|datasets)--([^/]+))/(.+)$")
_TABLES = re.compile(r"^((?:.+/)?([\w.-]+?)___([\w.-]+))/(.+)$")
_LOCK = re.compile(r"(?:^|/)\.locks/datasets--([^/]+)/[^/]+\.lock$")
_STORED = re.compile(r"^((?:.+/)?)blobs/[0-9a-f]{2}/[0-9a-f]{64}$")
# Beside them lie names of revisions and listings, which looking alone may leave.
_CONTENT = ("blobs", "snapshots")


@dataclass(frozen=True)
class Download:
    """One repository with bytes of its own in a cache; paths are relative to the walked folder.

    `name` is OWNER/NAME, `folder` its place. `stored` are the files that hold bytes, `bytes` their
    size together, `weights` those that are known by the name of weights. `named` are its files as
    the Hub names them: links, mostly.
    """

    kind: Literal["model", "dataset"]
    name: str
    folder: str
    named: tuple[str, ...]
    stored: tuple[str, ...]
    weights: frozenset[str]
    bytes: int

    def first(self) -> str:
        """A file to show for it."""
        return (self.named or self.stored)[0]


@dataclass
class _Found:
    """`links` are blobs that lie in a shared store: the link, and the file that it leads to."""

    kind: Literal["model", "dataset"]
    name: str
    stored: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)
    weights: set[str] = field(default_factory=set)


def downloads_in(folder: Path, files: Sequence[FoundFile]) -> tuple[Download, ...]:
    """The downloads among `files`, which a walk over `folder` has found; sorted by place."""
    found: dict[str, _Found] = {}
    for file in files:
        if "--" in file.relative or "___" in file.relative:
            _sort_in(file, found)
    left = MAX_ENTRIES
    for hub, store in _stores(files).items():
        left = _shared(folder, hub, store, found, left)
    for at, repository in found.items():
        if repository.stored:
            left = _snapshots(folder, at, repository, left)
    return tuple(
        Download(
            kind=one.kind,
            name=printable(one.name, 200),
            folder=printable(at),
            named=tuple(sorted(map(printable, one.named))),
            stored=tuple(sorted(one.stored)),
            weights=frozenset(one.weights),
            bytes=sum(one.stored.values()),
        )
        for at, one in sorted(found.items())
        if one.stored
    )


def removed_from(files: Sequence[FoundFile], downloads: Sequence[Download]) -> dict[str, str]:
    """Data sets that were downloaded and are no longer there, each with a file that tells: the
    Hub's client leaves a lock for whatever it has written."""
    there = {one.name for one in downloads}
    found: dict[str, str] = {}
    for file in files:
        match = _LOCK.search(file.relative) if ".locks/" in file.relative else None
        name = "/".join(match[1].split("--")) if match is not None else ""
        if name and name not in there:
            found.setdefault(printable(name, 200), file.relative)
    return found


def _sort_in(file: FoundFile, found: dict[str, _Found]) -> None:
    match = _REPOSITORY.match(file.relative)
    if match is not None:
        at, kind, name, rest = match.groups()
        if rest.partition("/")[0] not in _CONTENT or PurePosixPath(at).parent.name == ".locks":
            return
        one = found.setdefault(at, _repository(kind, name))
    else:
        match = _TABLES.match(file.relative)
        if match is None or file.relative.endswith(".lock"):
            return
        at, owner, name, rest = match.groups()
        one = found.setdefault(at, _Found("dataset", f"{owner}/{name}"))
    one.stored[file.relative] = file.stored
    if not rest.startswith("blobs/"):
        one.named.append(file.relative)
        if rest.lower().endswith(WEIGHT_SUFFIXES):
            one.weights.add(file.relative)


def _repository(kind: str, name: str) -> _Found:
    return _Found("model" if kind == "models" else "dataset", "/".join(name.split("--")))


def _stores(files: Sequence[FoundFile]) -> dict[str, dict[str, int]]:
    """By the folder above: the files of stores that repositories share, with their sizes."""
    stores: dict[str, dict[str, int]] = {}
    for file in files:
        match = _STORED.match(file.relative) if "blobs/" in file.relative else None
        if match is not None and _REPOSITORY.match(file.relative) is None:
            stores.setdefault(match[1], {})[file.relative] = file.stored
    return stores


def _shared(
    folder: Path, hub: str, store: dict[str, int], found: dict[str, _Found], left: int
) -> int:
    """Give the files of a store to the repositories whose blobs are links to them."""
    for entry in _entries(folder / hub):
        left -= 1
        match = _REPOSITORY.match(f"{hub}{entry.name}/x")
        if left < 0 or match is None or not entry.is_dir(follow_symlinks=False):
            continue
        at = match[1]
        for blob in _entries(folder / at / "blobs"):
            left -= 1
            target = _target(f"{at}/blobs", blob) if left >= 0 else ""
            if target in store:
                one = found.setdefault(at, _repository(match[2], match[3]))
                one.stored[target] = store[target]
                one.links[f"{at}/blobs/{blob.name}"] = target
    return left


def _snapshots(folder: Path, at: str, one: _Found, left: int) -> int:
    """The names by which a repository's blobs are known."""
    waiting = [f"{at}/snapshots"]
    while waiting:
        place = waiting.pop()
        for entry in _entries(folder / place):
            left -= 1
            if left < 0:
                return left
            name = f"{place}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                waiting.append(name)
                continue
            target = _target(place, entry)
            target = one.links.get(target, target)
            if target in one.stored:
                one.named.append(name)
                if name.lower().endswith(WEIGHT_SUFFIXES):
                    one.weights.add(target)
    return left


def _target(place: str, entry: os.DirEntry[str]) -> str:
    """Where a relative link leads, as a path like those of the walk; empty for anything else."""
    try:
        said = os.fspath(Path(entry.path).readlink())
    except OSError:
        return ""
    return "" if said.startswith("/") else os.path.normpath(f"{place}/{said}")


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder, in order; nothing where it is none, or a link."""
    if folder.is_symlink():
        return
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
