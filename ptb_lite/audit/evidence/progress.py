"""What a worker is at, where its parent can see it after the worker was killed."""

from __future__ import annotations

import math
import mmap
import struct
import time

SLOT_BYTES = 4096
deadline = math.inf
"""When this process has to have answered (`time.monotonic`); readers stop in time for it."""
_SINCE = struct.Struct("d")
_slot: mmap.mmap | None = None
_sources: dict[str, str] = {}


def report_to(slot: mmap.mmap, until: float) -> None:
    """From now on, say which file is read in `slot`, shared with the parent."""
    global _slot, deadline
    _slot, deadline = slot, until


def reading(name: str) -> None:
    """`name` is the file about to be read or interpreted."""
    if _slot is not None:
        text = name.encode("utf-8", "surrogateescape")[: SLOT_BYTES - _SINCE.size - 1]
        _slot[: _SINCE.size + len(text) + 1] = _SINCE.pack(time.monotonic()) + text + b"\0"


def is_from(source: str, file: str) -> None:
    """Remember the file that a program stands in, for `interpreting`."""
    if _slot is not None:
        _sources.setdefault(source, file)


def interpreting(source: str) -> None:
    if _slot is not None and source in _sources:
        reading(_sources[source])


def last(slot: mmap.mmap) -> tuple[str, float]:
    """What was said last, and when (`time.monotonic`); empty for nothing."""
    name = slot[_SINCE.size :].partition(b"\0")[0].decode("utf-8", "surrogateescape")
    return name, _SINCE.unpack(slot[: _SINCE.size])[0]
