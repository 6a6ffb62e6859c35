"""Keeping a key out of what is kept of a run."""

from __future__ import annotations

import mmap
from pathlib import Path

# A word as short as this is what a server of one's own is told for want of a key, not a secret;
# masking it would garble everything else.
_MIN_LENGTH = 8
_SHOWN = b"[key]"


def mask_line(line: bytes, secret: str) -> bytes:
    """The line without the secret."""
    wanted = secret.encode()
    return line.replace(wanted, _SHOWN) if len(wanted) >= _MIN_LENGTH else line


def mask_file(path: Path, secret: str) -> int:
    """Overwrite the secret with stars in a file of our own, in place; how often it was there.

    The file keeps its length, so that whoever has read a part of it can go on. A missing file
    has none. Raises OSError when it cannot be written.
    """
    wanted = secret.encode()
    if len(wanted) < _MIN_LENGTH or not path.exists() or path.stat().st_size == 0:
        return 0
    found = 0
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as view:
        at = view.find(wanted)
        while at >= 0:
            view[at : at + len(wanted)] = b"*" * len(wanted)
            found += 1
            at = view.find(wanted, at + len(wanted))
    return found
