"""Content of small files: its hash, and copies of what would be gone, within bounds.

What is read here is an agent's: regular files alone, never waited for, so many bytes and no more.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from ptb_lite.provenance.places import Place

LARGEST = 4 << 20
"""Of one file whose content is hashed or kept, in bytes."""
MAX_COPIES = 1000
MAX_BYTES = 48 << 20
_MAX_KNOWN = 4096
# Compiled, locked or weights: no text and no data of a kind that is searched.
_LEFT_OUT = (
    *(".pyc", ".so", ".o", ".a", ".lock", ".safetensors", ".bin", ".pt", ".pth", ".gguf"),
    *(".incomplete", ".whl", ".npy", ".ptx", ".cubin"),
)


class Content(NamedTuple):
    """`sha256` is in hex; `kept`: a copy of it lies among the copies, under that name."""

    sha256: str
    kept: bool


class Copies:
    """Copies in `folder`, each named by its hash. `left_out` counts those that bounds refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()
        self._bytes = 0
        self._known: dict[tuple[str, int, int], str] = {}
        self.left_out = 0
        folder.mkdir(mode=0o700, exist_ok=True)
        for copy in folder.iterdir():
            self._names.add(copy.name)
            self._bytes += copy.lstat().st_size

    def content(self, place: Place, *, keep: bool) -> Content:
        """The content of a file; an unchanged one is read once.

        An empty hash: too large, gone, or of a kind that is left out.
        """
        if place.handle < 0 or place.size > LARGEST or place.path.endswith(_LEFT_OUT):
            self.left_out += keep and place.size > LARGEST
            return Content("", False)
        version = (place.inode, place.size, place.changed)
        known = self._known.get(version, "")
        if known and (not keep or known in self._names):
            return Content(known, known in self._names)
        raw = _read(b"/proc/self/fd/%d" % place.handle)
        if raw is None:
            return Content("", False)
        digest = self.digest(raw)
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[version] = digest
        return Content(digest, self.keep(raw) if keep else digest in self._names)

    @staticmethod
    def digest(raw: bytes) -> str:
        """SHA-256 in hex, the name of a copy."""
        return hashlib.sha256(raw).hexdigest()

    def keep(self, raw: bytes) -> bool:
        """Keep these bytes under their hash; whether they are kept now."""
        digest = self.digest(raw)
        if digest in self._names:
            return True
        if not raw:
            return False
        if len(self._names) >= MAX_COPIES or self._bytes + len(raw) > MAX_BYTES:
            self.left_out += 1
            return False
        path = self._folder / digest
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, raw)
            finally:
                os.close(handle)
        except OSError:
            self.left_out += 1
            return False
        self._names.add(digest)
        self._bytes += len(raw)
        return True


def _read(path: bytes) -> bytes | None:
    """All of a small regular file; None for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        raw = bytearray()
        while len(raw) <= LARGEST and (part := os.read(handle, 1 << 20)):
            raw += part
        return bytes(raw) if len(raw) <= LARGEST else None
    except OSError:
        return None
    finally:
        os.close(handle)
