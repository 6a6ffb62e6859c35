"""What a worker is at, where its parent can see it after the worker was killed."""

from __future__ import annotations

import math
import mmap

SLOT_BYTES = 4096
deadline = math.inf
"""When this process has to have answered (`time.monotonic`); readers stop in time for it."""
_slot: mmap.mmap | None = None
_sources: dict[str, str] = {}


def report_to(slot: mmap.mmap, until: float) -> None:
    """From now on, say which file is read in `slot`, shared with the parent."""
    global _slot, deadline
    _slot, deadline = slot, until


def reading(name: str) -> None:
    """`name` is the file about to be read or interpreted."""
    if _slot is not None:
        text = name.encode("utf-8", "surrogateescape")[: SLOT_BYTES - 1]
        _slot[: len(text) + 1] = text + b"\0"


def is_from(source: str, file: str) -> None:
    """Remember the file that a program stands in, for `interpreting`."""
    if _slot is not None:
        _sources.setdefault(source, file)


def interpreting(source: str) -> None:
    if _slot is not None and source in _sources:
        reading(_sources[source])


def last(slot: mmap.mmap) -> str:
    """What was said last; empty for nothing."""
    return slot[:].partition(b"\0")[0].decode("utf-8", "surrogateescape")
