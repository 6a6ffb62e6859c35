"""The measured rate of a core, and what is kept of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.doctor import speed
from ptb_lite.hardware.device import Device
from ptb_lite.hardware.rate import core_rate

NEIGHBOURS = 5


def test_a_busy_machine_is_not_taken_for_a_slow_one() -> None:
    """By the clock the rate would be a sixth of what it is with five neighbours on the core."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(own)})
    spin = [sys.executable, "-c", "while True: pass"]
    neighbours: list[subprocess.Popen[bytes]] = []
    try:
        alone = core_rate()
        neighbours = [subprocess.Popen(spin) for _ in range(NEIGHBOURS)]
        beside = core_rate()
    finally:
        for one in neighbours:
            one.kill()
            one.wait()
        os.sched_setaffinity(0, own)
    assert alone is not None
    assert beside is not None
    assert beside > alone / 2.5


def test_a_rate_by_the_clock_that_was_kept_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(speed, "core_rate", lambda: 7e10)
    kept = tmp_path / "cpu-rate.json"
    kept.write_text('{"version": 1, "name": "Example", "cores": 2, "rate": 8e9, "times": 4}')
    device = Device("cpu", "Example", memory_bytes=8 << 30, available_bytes=4 << 30, cores=2)
    speed._core.cache_clear()
    assert speed.machine_rate(device) == 2 * 7e10
    assert '"version": 2' in kept.read_text()
    speed._core.cache_clear()
