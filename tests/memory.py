"""The most memory that this process has held. Not `ru_maxrss`: that begins at what the process that
started this one held, and never falls."""

from __future__ import annotations

from pathlib import Path

RESET_PEAK = "5"
"""What proc(5) takes in clear_refs for: let VmHWM begin anew."""


def reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)


def peak_bytes() -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM:"))
