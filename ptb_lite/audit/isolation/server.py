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
from ptb_lite.audit.detectors.parts.overlap_search import prepare_search
from ptb_lite.audit.detectors.submission import SubmissionCheck
from ptb_lite.audit.evidence.folder import list_files, printable
from ptb_lite.audit.evidence.test_sets.sources import known_sources
from ptb_lite.audit.isolation.detecting import one_result
from ptb_lite.audit.isolation.forked import attempt
from ptb_lite.audit.isolation.job import Job, SubmissionJob, decoded
from ptb_lite.audit.isolation.sharing import sharing
from ptb_lite.audit.registry import installed
from ptb_lite.audit.text.searches import search_for_answers, search_for_items

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
    _preload(job)
    known = {detector.name: detector for detector in installed().detectors()}
    chosen = [
        (known[name].live() or known[name]) if job.live else known[name] for name in job.detectors
    ]
    until = time.monotonic() + job.limits.seconds
    job = replace(job, case=walked(job.case))
    done = 0
    for line in sharing(chosen, job, until):
        done += 1
        yield line
    without = job.case.without
    for detector in chosen[done:]:
        line, without = one_result(detector, job, without, until)
        yield line


def walked(case: AuditCase) -> AuditCase:
    """The case with its files, as far as there is a folder."""
    with suppress(OSError):
        case = replace(case, walked=list_files(case.folder))
    gc.freeze()  # no worker goes through them again, which would copy their memory
    return case


def _preload(job: Job) -> None:
    """Make once what several workers would each make: imports, and the searches for test items."""
    known_sources()
    import_module("numpy")
    if len(job.detectors) > 1 and job.case.items:
        prepare_search(job.case)
        search_for_items(tuple(job.case.items))
        search_for_answers(tuple(job.case.items))


def _close_to_workers() -> None:
    """Let no process of the same user open this one's memory or streams through /proc: prctl(2),
    PR_SET_DUMPABLE. Workers inherit it."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
