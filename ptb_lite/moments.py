"""Moments that processes can share, whatever sets the clock.

On one machine they are counted from its start. Machines have only a folder in common, and with it
the clock of whoever serves that: it stamps what any of them writes there.
"""

from __future__ import annotations

import os
import tempfile
import time
from functools import cache
from pathlib import Path

import psutil

from ptb_lite.events import Moment

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def this_moment() -> Moment:
    return Moment(boot=boot_id(), seconds=time.monotonic())


def seconds_since(moment: Moment | None) -> float | None:
    """None for a moment of another machine, or of before this one's last start."""
    if moment is None or not moment.boot or moment.boot != boot_id():
        return None
    return max(0.0, time.monotonic() - moment.seconds)


def process_began(pid: int) -> Moment | None:
    """What tells a process from a later one of the same number; None where there is none.

    The time that the system gives since the epoch moves with the clock, as does that of its start.
    """
    try:
        if not boot_id():
            return Moment(seconds=psutil.Process(pid).create_time())
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (OSError, psutil.Error):
        return None
    return Moment(boot=boot_id(), seconds=int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def written_within(path: Path, seconds: float) -> bool:
    """Whether a file was written in the last `seconds`, also by another machine.

    Raises OSError where there is no such file.
    """
    last = path.stat().st_mtime
    if abs(time.time() - last) < seconds:
        return True
    # This machine's clock may be the wrong one. Asked only then, as it writes.
    try:
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            return abs(os.fstat(probe.fileno()).st_mtime - last) < seconds
    except OSError:
        return False


@cache
def boot_id() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
