"""One detector in a process of its own, started again without the file that ended it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import printable
from ptb_lite.audit.isolation.forked import Attempt, attempt
from ptb_lite.audit.isolation.job import Job, Limits, encoded
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.run_one import look
from ptb_lite.events import Flag


def one_result(
    detector: Detector,
    job: Job,
    without: tuple[str, ...],
    until: float,
    close: Sequence[int] = (),
) -> tuple[bytes, tuple[str, ...]]:
    """One detector's line, and the files that are left out from here on. Its processes do not get
    the descriptors `close`."""
    made = Attempt(b"", "there was no time left for it")
    own: list[Attempt] = []
    here = without
    for _ in range(job.limits.attempts):
        seconds = (until - time.monotonic()) / 2
        if seconds < 1:
            break
        # The case itself where it can be: it keeps what was read of its folder.
        case = job.case if here == job.case.without else replace(job.case, without=here)
        made = _attempt(detector, case, job.limits, seconds, close)
        if made.result:
            break
        own.append(made)
        if not made.file or made.file in here:
            break
        here = (*here, made.file)
        # What killed one would kill the next; what one crashed at, another may read.
        without = (*without, made.file) if made.killed else without
    if made.result and not own:
        return made.result, without
    return encoded(with_ends(detector, made, own)), without


def with_ends(detector: Detector, made: Attempt, ends: Sequence[Attempt]) -> DetectorResult:
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


def loads_model(detector: Detector, case: AuditCase) -> bool:
    """Whether a detector gets the address space that a model takes."""
    return "embedder" in detector.needs and case.embedder is not None


def _attempt(
    detector: Detector, case: AuditCase, limits: Limits, seconds: float, close: Sequence[int]
) -> Attempt:
    loads = loads_model(detector, case)
    return attempt(
        lambda: encoded(look(detector, case)),
        folder=case.folder,
        memory_bytes=limits.model_bytes if loads else limits.memory_bytes,
        seconds=seconds,
        fits=lambda raw: is_result_of(detector, raw),
        close=close,
    )


def is_result_of(detector: Detector, raw: bytes) -> bool:
    """Whether bytes are one result of that detector."""
    try:
        found = DetectorResult.model_validate_json(raw)
    except ValidationError:
        return False
    return b"\n" not in raw and found.detector == detector.name
