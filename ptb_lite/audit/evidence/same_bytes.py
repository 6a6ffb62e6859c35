"""Which of some known files another file is, byte for byte."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ptb_lite.audit.evidence.folder import FoundFile, open_regular

MAX_BYTES = 256 << 20
MAX_COMPARED = 1 << 30
"""Over all files: names for one large file cost nothing on a disk."""
_BLOCK = 1 << 20


class SameBytes:
    """Compares the files of `known` with others: their size first, so that few are read."""

    def __init__(self, known: Iterable[tuple[str, Path, int]]) -> None:
        """Of each its name for people, its path, and its size in bytes."""
        self._left = MAX_COMPARED
        self._by_size: dict[int, list[tuple[str, Path]]] = defaultdict(list)
        for name, path, size in known:
            if 0 < size <= MAX_BYTES:
                self._by_size[size].append((name, path))

    def told(self, file: FoundFile) -> FoundFile:
        """The file, with the name of the known one that it is, as far as `MAX_COMPARED` goes."""
        for name, path in self._by_size.get(file.size, ()):
            self._left -= file.size
            if self._left >= 0 and _same(file.path, path):
                return replace(file, known=name)
        return file


def files_of_model(folder: Path | None) -> Iterable[tuple[str, Path, int]]:
    """The files of a model on this machine, as `SameBytes` takes them. Its own links are followed:
    a Hub cache is made of them."""
    try:
        files = sorted(folder.iterdir()) if folder is not None else []
        return [
            (path.name, path.resolve(), path.stat().st_size) for path in files if path.is_file()
        ]
    except OSError:
        return []


def _same(first: Path, second: Path) -> bool:
    try:
        with open_regular(first) as one, open_regular(second) as other:
            while (block := one.read(_BLOCK)) == other.read(_BLOCK):
                if not block:
                    return True
    except OSError:
        pass
    return False
