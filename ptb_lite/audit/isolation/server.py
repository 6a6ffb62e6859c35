"""The server of one job: it forks a worker for each detector, or one for a submission.

Of what an agent wrote it reads the names and sizes of files, once for all workers, and nothing
else: the job comes from the host, and of a worker it takes a bounded number of bytes, which it
passes on only where they are one result of that detector. A file that takes a worker over cannot
speak for the detectors after it.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module

from pydantic import ValidationError

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.detectors.submission import SubmissionCheck
from ptb_lite.audit.evidence.folder import list_files, printable
from ptb_lite.audit.evidence.test_sets.sources import known_sources
from ptb_lite.audit.isolation.forked import Attempt, attempt
from ptb_lite.audit.isolation.job import Job, Limits, SubmissionJob, decoded, encoded
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.registry import installed
from ptb_lite.audit.run_one import look
from ptb_lite.events import Flag

_PR_SET_DUMPABLE = 4


def serve() -> int:
    """Read one job from standard input, write one line a result to standard output."""
    job = decoded(sys.stdin.buffer.read())
    _close_to_workers()
    for line in _submission(job) if isinstance(job, SubmissionJob) else _detectors(job):
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _submission(job: SubmissionJob) -> Iterator[bytes]:
    """The one line of a submission's check."""
    made = attempt(
        lambda: job.carried_out().model_dump_json().encode(),
        folder=job.folder,
        memory_bytes=job.limits.memory_bytes,
        seconds=job.limits.seconds,
        fits=_is_check,
    )
    if made.result:
        yield made.result
        return
    at = f", at {made.file}" if made.file else ""
    reason = f"its reader {made.reason}{at}"
    refused = SubmissionCheck(valid=False, problem="unreadable", reason=printable(reason, 500))
    yield refused.model_dump_json().encode()


def _is_check(raw: bytes) -> bool:
    try:
        SubmissionCheck.model_validate_json(raw)
    except ValidationError:
        return False
    return b"\n" not in raw


def _detectors(job: Job) -> Iterator[bytes]:
    _preload()
    known = {detector.name: detector for detector in installed().detectors()}
    until = time.monotonic() + job.limits.seconds
    job = replace(job, case=_walked(job.case))
    without: tuple[str, ...] = ()
    for name in job.detectors:
        detector = known[name]
        chosen = (detector.live() or detector) if job.live else detector
        for line, ended in _results(chosen, job, without, until):
            without = ended
            yield line


def _walked(case: AuditCase) -> AuditCase:
    """The case with its files, as far as there is a folder."""
    with suppress(OSError):
        case = replace(case, walked=list_files(case.folder))
    gc.freeze()  # no worker goes through them again, which would copy their memory
    return case


def _preload() -> None:
    """Import once what several workers would each import."""
    known_sources()
    import_module("numpy")


def _results(
    detector: Detector, job: Job, without: tuple[str, ...], until: float
) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """One detector's line, and the files that are left out from here on."""
    made = Attempt(b"", "there was no time left for it")
    own: list[Attempt] = []
    here = without
    for _ in range(job.limits.attempts):
        seconds = (until - time.monotonic()) / 2
        if seconds < 1:
            break
        made = _attempt(detector, replace(job.case, without=here), job.limits, seconds)
        if made.result:
            break
        own.append(made)
        if not made.file or made.file in here:
            break
        here = (*here, made.file)
        # What killed one would kill the next; what one crashed at, another may read.
        without = (*without, made.file) if made.killed else without
    if made.result and not own:
        yield made.result, without
        return
    yield encoded(_with_ends(detector, made, own)), without


def _with_ends(detector: Detector, made: Attempt, ends: list[Attempt]) -> DetectorResult:
    """The result with a flag that informs for every file that ended a worker."""
    found = (
        DetectorResult.model_validate_json(made.result)
        if made.result
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
    reason = "; ".join([*whys, *([found.reason] if found.reason else [])]) or made.reason
    return found.model_copy(
        update={"status": "skipped", "reason": reason[:2000], "flags": (*found.flags, *flags)}
    )


def _attempt(detector: Detector, case: AuditCase, limits: Limits, seconds: float) -> Attempt:
    loads = "embedder" in detector.needs and case.embedder is not None
    return attempt(
        lambda: encoded(look(detector, case)),
        folder=case.folder,
        memory_bytes=limits.model_bytes if loads else limits.memory_bytes,
        seconds=seconds,
        fits=lambda raw: _is_result_of(detector, raw),
    )


def _is_result_of(detector: Detector, raw: bytes) -> bool:
    try:
        found = DetectorResult.model_validate_json(raw)
    except ValidationError:
        return False
    return b"\n" not in raw and found.detector == detector.name


def _close_to_workers() -> None:
    """Let no process of the same user open this one's memory or streams through /proc: prctl(2),
    PR_SET_DUMPABLE. Workers inherit it."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
