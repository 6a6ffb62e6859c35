"""Whether a model's place in a Hub cache leads to another model's bytes.

The Hub's client never links from one repository into another, and names the bytes of weights by
their SHA-256: a link that leaves its repository, or a blob of the base that is not what its name
says, was put there by somebody else. Links are read, never followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import printable, sha256_of

_HUB = re.compile(r"^((?:.+/)?)models--[^/]+/")
_REPOSITORY = re.compile(r"models--([^/]+)")
_MAX_HUBS, _MAX_ENTRIES, _MAX_HASHED = 8, 20_000, 8 << 30
_LEAST = 1 << 20  # no weights are smaller


def swapped(case: AuditCase) -> list[tuple[str, str]]:
    """Each place and what lies there instead. Raises OSError when the folder cannot be read."""
    inside = dict.fromkeys(
        match[1] for file in case.listing.files
        if "models--" in file.relative and (match := _HUB.match(file.relative))
    )  # fmt: skip
    hubs = [(case.folder / hub, hub) for hub in inside]
    if case.hub_cache is not None and not case.hub_cache.is_relative_to(case.folder):
        hubs.append((case.hub_cache, f"{case.hub_cache.name}/"))
    tails = [name.rstrip("/").rpartition("/")[2].lower() for name in case.base_ids]
    return [found for folder, name in hubs[:_MAX_HUBS] for found in _in_hub(folder, name, tails)]


def _in_hub(folder: Path, hub: str, tails: Sequence[str]) -> Iterator[tuple[str, str]]:
    left = _MAX_HASHED
    for entry in _entries(folder):
        repository = _REPOSITORY.fullmatch(entry.name)
        if repository is None:
            continue
        for link, leads in _links(entry):
            other = _REPOSITORY.search(leads)
            if other is not None and other[1].lower() != repository[1].lower():
                place = f"{hub}{link.relative_to(folder).as_posix()}"
                yield printable(place), f"a link to {printable(other[1].replace('--', '/'), 200)}"
                break
        unknown = tails and repository[1].lower().rpartition("--")[2] not in tails
        for blob in () if unknown or entry.is_symlink() else _blobs(Path(entry.path) / "blobs"):
            left -= blob.stat(follow_symlinks=False).st_size
            if left > 0 and sha256_of(Path(blob.path), _MAX_HASHED) not in (None, blob.name):
                yield f"{hub}{entry.name}/blobs/{blob.name}", "other bytes than those of its name"


def _blobs(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Files that have the name and the size of weights."""
    for entry in _entries(folder):
        named = re.fullmatch("[0-9a-f]{64}", entry.name) and entry.is_file(follow_symlinks=False)
        if named and entry.stat(follow_symlinks=False).st_size >= _LEAST:
            yield entry


def _links(repository: os.DirEntry[str]) -> Iterator[tuple[Path, str]]:
    """The links of a repository, itself and its folders included, and where each leads."""
    if repository.is_symlink():
        yield Path(repository.path), os.fspath(Path(repository.path).readlink())
        return
    waiting = [Path(repository.path)]
    left = _MAX_ENTRIES
    while waiting and left > 0:
        place = waiting.pop()
        for entry in _entries(place):
            left -= 1
            if entry.is_symlink():
                yield Path(entry.path), os.fspath(Path(entry.path).readlink())
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, in order; nothing where it cannot be read or is a link."""
    try:
        if folder.is_symlink():
            return []
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []
