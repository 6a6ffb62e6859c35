"""One piece of work in a forked process under limits, ended alone with all that it started.

The parent opens no file of an agent's. Of the process it takes a bounded number of bytes.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.audit.evidence import progress
from ptb_lite.audit.evidence.folder import printable
from ptb_lite.audit.isolation.job import MAX_RESULT_BYTES
from ptb_lite.audit.run_one import crashed

_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 5.0
_HELD_UP = 0.1
"""The part of its time after which a file that is still being read has held a process up."""
_OUT_OF_MEMORY = 9
"""The exit status of a process that met its limit of memory."""
_CRASHED = 10
"""The exit status of a process that wrote the reason instead of a result."""


@dataclass(frozen=True)
class Attempt:
    """What came of one process: a result, or why there is none and the file that it was at."""

    result: bytes
    reason: str = ""
    file: str = ""
    killed: bool = False


def attempt(
    work: Callable[[], bytes],
    *,
    folder: Path,
    memory_bytes: int,
    seconds: float,
    fits: Callable[[bytes], bool],
    close: Sequence[int] = (),
) -> Attempt:
    """Fork one process for `work`, wait for its result, and leave none of its processes.

    `folder` is what names of files are relative to, `fits` says whether bytes are a result. The
    process does not get the descriptors `close` of this one.
    """
    began = time.monotonic()

    def written(out: int) -> None:
        for one in close:
            os.close(one)
        write(out, work())

    started = _start(written, memory_bytes, began + seconds)
    try:
        raw, in_time = _read(started.output, began + seconds)
    finally:
        started.end()
    status, file, at_it = started.status(folder)
    if not in_time:
        return _late(seconds, file, at_it)
    if len(raw) > MAX_RESULT_BYTES:
        return Attempt(b"", f"gave more than {MAX_RESULT_BYTES >> 20} MiB of findings")
    if status == 0 and raw and not fits(raw):
        return Attempt(b"", "gave what is no result of it", file, killed=True)
    if status == 0 and raw:
        return Attempt(raw)
    if os.waitstatus_to_exitcode(status) == _CRASHED:
        return Attempt(b"", raw.decode("utf-8", "replace")[:500], file)
    return Attempt(b"", _how(status, memory_bytes, seconds), file, killed=True)


def streamed(
    work: Callable[[int], None],
    *,
    folder: Path,
    memory_bytes: int,
    seconds: float,
    first_seconds: float,
) -> Generator[bytes, None, Attempt]:
    """Fork one process now, and give the lines that `work` writes to its descriptor as they come;
    the first within `first_seconds`. Returns how it ended; none of its processes is left."""
    began = time.monotonic()
    started = _start(work, memory_bytes, began + seconds)
    return _lines(started, began, folder, memory_bytes, seconds, first_seconds)


def _lines(
    started: _Started,
    began: float,
    folder: Path,
    memory_bytes: int,
    seconds: float,
    first_seconds: float,
) -> Generator[bytes, None, Attempt]:
    held, until, in_time = bytearray(), began + first_seconds, False
    try:
        while (left := until - time.monotonic()) > 0:
            if not select.select([started.output], [], [], left)[0]:
                break
            block = os.read(started.output, 1 << 16)
            in_time = not block
            held += block
            if in_time or len(held) > 2 * MAX_RESULT_BYTES:
                break
            *lines, rest = held.split(b"\n")
            held = bytearray(rest)
            for line in lines:
                until = began + seconds
                yield bytes(line)
    finally:
        started.end()
    status, file, at_it = started.status(folder)
    if in_time and status == 0:
        return Attempt(b"")
    if not in_time:
        return _late(until - began, file, at_it)
    return Attempt(b"", _how(status, memory_bytes, seconds), file, killed=True)


def _late(seconds: float, file: str, at_it: float) -> Attempt:
    """`at_it` is for how long it had been at that file: one of very many, begun just now, is not
    what takes the time."""
    why = f"took more than {seconds:.0f} s"
    if at_it < _HELD_UP * seconds:
        return Attempt(b"", f"{why}, with many files", killed=True)
    return Attempt(b"", why, file, killed=True)


@dataclass(frozen=True)
class _Started:
    child: int
    output: int
    slot: mmap.mmap

    def end(self) -> None:
        """Close its output and end its group."""
        os.close(self.output)
        with contextlib.suppress(OSError):
            os.killpg(self.child, signal.SIGKILL if not _done(self.child) else signal.SIGTERM)

    def status(self, folder: Path) -> tuple[int, str, float]:
        """Its exit status, the file that it was at, and for how many seconds."""
        _, status = os.waitpid(self.child, 0)
        file, since = progress.last(self.slot)
        self.slot.close()
        return status, _relative(file, folder), time.monotonic() - since


def _start(work: Callable[[int], None], memory_bytes: int, until: float) -> _Started:
    """Fork a process for `work`, which is given the descriptor to write to."""
    slot = mmap.mmap(-1, progress.SLOT_BYTES)
    theirs, ours = os.pipe()
    above = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(theirs)
        _work(work, memory_bytes, slot, ours, until, above)
    os.close(ours)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # as the child does: whoever is first
    return _Started(child, theirs, slot)


def _relative(name: str, folder: Path) -> str:
    """A file as flags name it, where it lies in that folder."""
    above = f"{os.fspath(folder)}/"
    return printable(name.removeprefix(above)) if name.startswith(above) else name


def _done(child: int) -> bool:
    """Whether a worker has ended by itself; it is not reaped, so that its group stays its own."""
    found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None


def _how(status: int, memory_bytes: int, seconds: float) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return f"used more than {seconds:.0f} s of CPU time"
        return f"ended by {signal.Signals(number).name}"
    if os.WEXITSTATUS(status) == _OUT_OF_MEMORY:
        return f"needed more than {memory_bytes >> 20:,} MiB of memory"
    return f"ended with status {os.WEXITSTATUS(status)}"


def _read(source: int, until: float) -> tuple[bytes, bool]:
    """What a worker writes until it closes its end, and whether that was in time."""
    held = bytearray()
    while (left := until - time.monotonic()) > 0:
        if not select.select([source], [], [], left)[0]:
            break
        block = os.read(source, 1 << 16)
        if not block:
            return bytes(held), True
        held += block
        if len(held) > MAX_RESULT_BYTES:
            return bytes(held), True
    return b"", False


def _end_with(above: int) -> None:
    """End this process with the one above it: prctl(2), PR_SET_PDEATHSIG."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != above:
        os._exit(1)


def _leave_streams() -> None:
    """Give up the server's standard input and output, where results go."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(null, stream)
    os.close(null)


def _work(
    work: Callable[[int], None],
    memory_bytes: int,
    slot: mmap.mmap,
    out: int,
    until: float,
    above: int,
) -> None:
    """The process itself. Never returns."""
    status = 1
    try:
        os.setpgid(0, 0)
        _end_with(above)
        _leave_streams()
        limit(memory_bytes, until - time.monotonic())
        progress.report_to(slot, until - _GRACE_SECONDS)
        work(out)
        status = 0
    except MemoryError:
        status = _OUT_OF_MEMORY
    except Exception as error:
        # Somebody else's code over somebody else's data.
        write(out, crashed(error).encode("utf-8", "replace"))
        status = _CRASHED
    finally:
        # Not sys.exit: nothing of the server's is to be flushed or cleaned up twice.
        os._exit(status)


def write(out: int, raw: bytes) -> None:
    """All of `raw`, cut where no parent takes more. Raises OSError."""
    view = memoryview(raw)[: MAX_RESULT_BYTES + 1]
    while view:
        view = view[os.write(out, view) :]


def limit(memory_bytes: int, seconds: float) -> None:
    """Hold this process to so much address space and CPU time, without a core file."""
    cpu = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
