"""How long the app takes from the command to its first frame: below 400 ms on two cores.

Measured on a pseudo-terminal, from starting the program until the frame with the three lists has
been written; beside it a Python that prints a word, and an app of Textual that shows one.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

from bench.figures import Figure, publish
from bench.timing import bytecode, medians

ROOT = Path(__file__).parents[1]
ROUNDS = 15
SECONDS = 20.0
_BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("one word")
Bare().run()
"""


def _seconds_to_frame(folder: Path, awaited: bytes, *arguments: str) -> float:
    """Wall time until the program has written `awaited` to its terminal of 100 by 30."""
    began = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        for name in ("PTB_LITE_CONFIG", "PTB_LITE_STATE"):
            os.environ[name] = str(folder / name)
        os.environ |= {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        os.environ |= bytecode(folder)
        os.execv(sys.executable, [sys.executable, *arguments])
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        written = b""
        while awaited not in written:
            ready, _, _ = select.select([terminal], [], [], SECONDS)
            assert ready, f"no {awaited!r} within {SECONDS} s"
            written += os.read(terminal, 1 << 16)
        return time.perf_counter() - began
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


@pytest.mark.bench
def test_first_frame(tmp_path: Path) -> None:
    found = medians(
        {
            "pass": lambda: _seconds_to_frame(tmp_path, b"done", "-c", "print('done')"),
            "bare": lambda: _seconds_to_frame(tmp_path, b"one word", "-c", _BARE),
            "ours": lambda: _seconds_to_frame(tmp_path, b"Benchmarks", "-m", "ptb_lite"),
        },
        ROUNDS,
    )
    publish(
        Figure(
            "first frame of the app",
            1000 * found["ours"],
            "ms",
            peer="python that prints a word",
            peer_value=1000 * found["pass"],
            limit="an app of Textual with one word",
            limit_value=1000 * found["bare"],
            target_value=400.0,
        )
    )
    print(
        f"\nfirst frame {1000 * found['ours']:.0f} ms, bare Textual {1000 * found['bare']:.0f} ms"
    )
