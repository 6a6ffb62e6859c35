"""A folder of 10,000 runs: `ls`, and the app's History from the key to its rows, each below 2 s.

The index was written before, as by any earlier look at the folder.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from bench.figures import Figure, publish
from bench.many_runs import make_runs
from bench.timing import medians

RUNS = 10_000
ROUNDS = 5
SECONDS = 60.0
_F5 = b"\x1b[15~"


def _list(runs: Path) -> float:
    began = time.perf_counter()
    command = [sys.executable, "-m", "ptb_lite", "ls", "--runs-dir", str(runs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _history(runs: Path, folder: Path) -> float:
    """Seconds from F5 until the count of all runs is on the terminal, of 150 by 40."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ |= {"PTB_LITE_RUNS": str(runs), "PTB_LITE_CONFIG": str(folder / "config")}
        os.environ |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        os.execv(sys.executable, [sys.executable, "-m", "ptb_lite"])
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 150, 0, 0))
        _read_until(terminal, b"Benchmarks")
        while select.select([terminal], [], [], 1.0)[0]:
            os.read(terminal, 1 << 16)
        began = time.perf_counter()
        os.write(terminal, _F5)
        _read_until(terminal, f"{RUNS} runs".encode())
        return time.perf_counter() - began
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def _read_until(terminal: int, awaited: bytes) -> None:
    written = b""
    while awaited not in written:
        ready, _, _ = select.select([terminal], [], [], SECONDS)
        assert ready, f"no {awaited!r} within {SECONDS} s"
        written += os.read(terminal, 1 << 16)


@pytest.mark.bench
@pytest.mark.timeout(1800)
def test_many_runs(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    make_runs(runs, RUNS)
    first = _list(runs)
    found = medians(
        {"list": lambda: _list(runs), "history": lambda: _history(runs, tmp_path)}, ROUNDS
    )
    what = f"{RUNS:,} runs"
    note = f"{first:.1f} s where there is no index yet"
    publish(Figure(f"{what}: ls", found["list"], "s", target_value=2.0, note=note))
    publish(Figure(f"{what}: History on screen", found["history"], "s", target_value=2.0))
    print(f"\n{what}: ls {found['list']:.2f} s ({note}), History {found['history']:.2f} s")
