"""The local agent's one tool: a command in bash, in time and of bounded size."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from ptb_lite.chat.masking import mask_line

KEPT_BYTES = 8000
_CHUNK = 1 << 16
# How long what a finished command wrote last is waited for, when a process that it left in the
# background still holds the pipe.
_DRAIN_SECONDS = 0.2


@dataclass(frozen=True)
class Ran:
    """`output` is stdout and stderr as they came; `exit_code` is None when the time was over."""

    output: str
    exit_code: int | None
    seconds: float


class BoundedOutput:
    """Keeps the first and the last `KEPT_BYTES` of a stream of any length, without `secret`."""

    def __init__(self, secret: str = "") -> None:
        self._secret = secret
        self._head = b""
        self._tail = b""
        self._left_out = 0

    def add(self, chunk: bytes) -> None:
        room = KEPT_BYTES - len(self._head)
        self._head += chunk[:room]
        tail = self._tail + chunk[room:] if room < len(chunk) else self._tail
        self._left_out += max(0, len(tail) - KEPT_BYTES)
        self._tail = tail[-KEPT_BYTES:]

    def text(self) -> str:
        """What was kept, with a mark that says how much is missing between the two parts."""
        if not self._left_out:
            return self._shown(self._head + self._tail)
        head, tail = self._shown(self._head), self._shown(self._tail)
        return f"{head}\n[… {self._left_out} bytes left out …]\n{tail}"

    def _shown(self, part: bytes) -> str:
        return mask_line(part, (self._secret,)).decode("utf-8", errors="replace")


def run_command(
    command: str, *, seconds: float, environment: Mapping[str, str], secret: str = ""
) -> Ran:
    """Run `command` in a session of its own, without input, for at most `seconds`.

    When its time is over its whole process group is killed, and what it had written is kept. What
    a command that ends in time leaves in the background goes on. A command that cannot be started
    shows as exit code 126.
    """
    begun = time.monotonic()
    try:
        process = subprocess.Popen(
            ["bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ran(f"cannot be started: {error}", 126, time.monotonic() - begun)
    assert process.stdout is not None
    output = BoundedOutput(secret)
    with process.stdout:
        exit_code = _follow(process, output, begun + seconds)
    return Ran(output.text(), exit_code, time.monotonic() - begun)


def _follow(process: subprocess.Popen[bytes], output: BoundedOutput, deadline: float) -> int | None:
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while process.poll() is None:
            if time.monotonic() >= deadline:
                _kill_group(process)
                _read(process.stdout.fileno(), output)
                return None
            # A command that closed its output is waited for, too.
            if selector.get_map() and selector.select(min(0.1, deadline - time.monotonic())):
                if not _read(process.stdout.fileno(), output):
                    selector.unregister(process.stdout)
            elif not selector.get_map():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, min(0.1, deadline - time.monotonic())))
        end = time.monotonic() + _DRAIN_SECONDS
        while selector.get_map() and time.monotonic() < end:
            if not selector.select(0.02) or not _read(process.stdout.fileno(), output):
                break
    return process.returncode


def _read(handle: int, output: BoundedOutput) -> bool:
    """Take one chunk; False at the end of the stream."""
    try:
        chunk = os.read(handle, _CHUNK)
    except BlockingIOError:
        return True
    output.add(chunk)
    return bool(chunk)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The leader is not yet waited for, so its number still names this group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
