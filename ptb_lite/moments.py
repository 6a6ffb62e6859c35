"""A moment that other processes on this machine can count from, whatever sets the clock."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from ptb_lite.events import Moment

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_moment() -> Moment:
    return Moment(boot=boot_id(), seconds=time.monotonic())


def seconds_since(moment: Moment | None) -> float | None:
    """None for a moment of another machine, or of before this one's last start."""
    if moment is None or not moment.boot or moment.boot != boot_id():
        return None
    return max(0.0, time.monotonic() - moment.seconds)


@cache
def boot_id() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
