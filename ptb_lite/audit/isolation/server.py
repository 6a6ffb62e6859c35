"""The server of one audit: it forks a worker for each detector and ends it at its limits.

It reads nothing that an agent wrote: the job comes from the host, and of a worker it takes a
bounded number of bytes, which it passes on only where they are one result of that detector. A file
that takes a worker over cannot speak for the detectors after it.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence import progress
from ptb_lite.audit.evidence.folder import printable
from ptb_lite.audit.isolation.job import MAX_RESULT_BYTES, Job, Limits, encoded
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.registry import installed
from ptb_lite.audit.run_one import crashed, look
from ptb_lite.events import Flag

_GRACE_SECONDS = 5.0
_PR_SET_DUMPABLE = 4
_OUT_OF_MEMORY = 9
"""The exit status of a worker that met its limit of memory."""
_CRASHED = 10
"""The exit status of a worker that wrote the reason instead of a result."""


@dataclass(frozen=True)
class Attempt:
    """What came of one worker: a result, or why there is none and the file that it was at."""

    result: bytes
    reason: str = ""
    file: str = ""
    killed: bool = False


def serve() -> int:
    """Read one job from standard input, write one line a detector to standard output."""
    job = Job.decoded(sys.stdin.buffer.read())
    _close_to_workers()
    known = {detector.name: detector for detector in installed().detectors()}
    until = time.monotonic() + job.limits.seconds
    without: tuple[str, ...] = ()
    for name in job.detectors:
        detector = known[name]
        chosen = (detector.live() or detector) if job.live else detector
        for line, ended in _results(chosen, job, without, until):
            without = ended
            sys.stdout.buffer.write(line + b"\n")
            sys.stdout.buffer.flush()
    return 0


def _results(
    detector: Detector, job: Job, without: tuple[str, ...], until: float
) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """One detector's line, and the files that are left out from here on."""
    attempt = Attempt(b"", "there was no time left for it")
    own: list[Attempt] = []
    here = without
    for _ in range(job.limits.attempts):
        seconds = (until - time.monotonic()) / 2
        if seconds < 1:
            break
        attempt = _attempt(detector, replace(job.case, without=here), job.limits, seconds)
        if attempt.result:
            break
        own.append(attempt)
        if not attempt.file or attempt.file in here:
            break
        here = (*here, attempt.file)
        # What killed one would kill the next; what one crashed at, another may read.
        without = (*without, attempt.file) if attempt.killed else without
    if attempt.result and not own:
        yield attempt.result, without
        return
    yield encoded(_with_ends(detector, attempt, own)), without


def _with_ends(detector: Detector, attempt: Attempt, ends: list[Attempt]) -> DetectorResult:
    """The result with a flag that informs for every file that ended a worker."""
    found = (
        DetectorResult.model_validate_json(attempt.result)
        if attempt.result
        else DetectorResult(detector=detector.name, status="skipped", deciding=detector.deciding)
    )
    flags = tuple(
        Flag(
            detector=detector.name,
            kind="reader-ended",
            message=printable(f"{one.file} ended the detector: it {one.reason}"),
            decides=False,
            file=printable(one.file),
        )
        for one in ends
        if one.file
    )
    whys = [f"{one.reason}, at {printable(one.file)}" if one.file else one.reason for one in ends]
    reason = "; ".join([*whys, *([found.reason] if found.reason else [])]) or attempt.reason
    return found.model_copy(
        update={"status": "skipped", "reason": reason[:2000], "flags": (*found.flags, *flags)}
    )


def _attempt(detector: Detector, case: AuditCase, limits: Limits, seconds: float) -> Attempt:
    """Fork one worker, wait for its result, and leave none of its processes."""
    slot = mmap.mmap(-1, progress.SLOT_BYTES)
    theirs, ours = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(theirs)
        _work(detector, case, limits, slot, ours, began + seconds)
    os.close(ours)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # as the child does: whoever is first
    try:
        raw, in_time = _read(theirs, began + seconds)
    finally:
        os.close(theirs)
        with contextlib.suppress(OSError):
            os.killpg(child, signal.SIGKILL if not _done(child) else signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    file = _relative(progress.last(slot), case)
    slot.close()
    if not in_time:
        return Attempt(b"", f"took more than {seconds:.0f} s", file, killed=True)
    if len(raw) > MAX_RESULT_BYTES:
        return Attempt(b"", f"gave more than {MAX_RESULT_BYTES >> 20} MiB of findings")
    if status == 0 and raw and not _is_result_of(detector, raw):
        return Attempt(b"", "gave what is no result of it", file, killed=True)
    if status == 0 and raw:
        return Attempt(raw)
    if os.waitstatus_to_exitcode(status) == _CRASHED:
        return Attempt(b"", raw.decode("utf-8", "replace")[:500], file)
    return Attempt(b"", _how(status, limits, seconds), file, killed=True)


def _is_result_of(detector: Detector, raw: bytes) -> bool:
    try:
        found = DetectorResult.model_validate_json(raw)
    except ValidationError:
        return False
    return b"\n" not in raw and found.detector == detector.name


def _relative(name: str, case: AuditCase) -> str:
    """A file as flags name it, where it lies in the case's folder."""
    folder = f"{os.fspath(case.folder)}/"
    return printable(name.removeprefix(folder)) if name.startswith(folder) else name


def _done(child: int) -> bool:
    """Whether a worker has ended by itself; it is not reaped, so that its group stays its own."""
    found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return found is not None


def _how(status: int, limits: Limits, seconds: float) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return f"used more than {seconds:.0f} s of CPU time"
        return f"ended by {signal.Signals(number).name}"
    if os.WEXITSTATUS(status) == _OUT_OF_MEMORY:
        return f"needed more than {limits.memory_bytes >> 20:,} MiB of memory"
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


def _close_to_workers() -> None:
    """Let no process of the same user open this one's memory or streams through /proc: prctl(2),
    PR_SET_DUMPABLE. Workers inherit it."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _leave_streams() -> None:
    """Give up the server's standard input and output, where results go."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(null, stream)
    os.close(null)


def _work(
    detector: Detector,
    case: AuditCase,
    limits: Limits,
    slot: mmap.mmap,
    out: int,
    until: float,
) -> None:
    """The worker itself. Never returns."""
    status = 1
    try:
        os.setpgid(0, 0)
        _leave_streams()
        _limit(detector, case, limits, until - time.monotonic())
        progress.report_to(slot, until - _GRACE_SECONDS)
        _write(out, encoded(look(detector, case)))
        status = 0
    except MemoryError:
        status = _OUT_OF_MEMORY
    except Exception as error:
        # Somebody else's code over somebody else's data.
        _write(out, crashed(error).encode("utf-8", "replace"))
        status = _CRASHED
    finally:
        # Not sys.exit: nothing of the server's is to be flushed or cleaned up twice.
        os._exit(status)


def _write(out: int, raw: bytes) -> None:
    view = memoryview(raw)[: MAX_RESULT_BYTES + 1]
    while view:
        view = view[os.write(out, view) :]


def _limit(detector: Detector, case: AuditCase, limits: Limits, seconds: float) -> None:
    loads = "embedder" in detector.needs and case.embedder is not None
    memory = limits.model_bytes if loads else limits.memory_bytes
    cpu = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
