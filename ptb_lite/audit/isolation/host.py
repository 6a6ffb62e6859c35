"""Starts the server of a job and hears its results. Nothing of an agent's is read here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from pydantic import ValidationError

from ptb_lite.audit.detectors.submission import SubmissionCheck
from ptb_lite.audit.isolation.job import Job, SubmissionJob
from ptb_lite.audit.isolation.process import START_SECONDS, reader, with_links
from ptb_lite.audit.record import DetectorResult

_SERVER = ("ptb_lite.audit.worker",)
_SERVERS = 2


def results(job: Job) -> Iterator[DetectorResult]:
    """One result for each detector of a job, in its order, each as it comes. Nothing is raised.

    The server ends each worker at its limits; it is itself ended, with all that it started, when
    it is late. One that ends before that was ended by somebody else (it reads no file of an
    agent's): a second one goes on with what is left.
    """
    left = list(job.detectors)
    case = job.case
    evidence = (
        case.folder,
        case.submission,
        *with_links(case.base_model),
        case.trace,
        case.hub_cache,
        *with_links(case.instruct_model),
        case.embedder,
        case.provenance,
    )
    until = time.monotonic() + job.limits.seconds
    for _ in range(_SERVERS):
        seconds = until - time.monotonic()
        if not left or seconds < 1:
            break
        rest = replace(
            job, detectors=tuple(left), limits=replace(job.limits, seconds=seconds)
        ).encoded()
        with reader(_SERVER, rest, evidence, seconds + START_SECONDS) as lines:
            for line in lines:
                try:
                    result = DetectorResult.model_validate_json(line)
                except ValidationError:
                    until = 0.0
                    break
                if not left or result.detector != left[0]:
                    until = 0.0
                    break
                left.pop(0)
                yield result
    for name in left:
        reason = "the audit's server ended before it; nothing was seen"
        yield DetectorResult(detector=name, status="skipped", reason=reason)


def checked_submission(job: SubmissionJob) -> SubmissionCheck:
    """What `validate_submission` says in a worker; one that ends the worker is refused by name.

    Raises OSError when no worker could be asked, which says nothing of the submission.
    """
    if job.folder.is_symlink() or not job.folder.is_dir():
        # Nothing to read, and a link's target is nothing to show.
        return job.carried_out()
    shown = (job.folder, *with_links(job.base_model))
    until = time.monotonic() + job.limits.seconds
    for _ in range(_SERVERS):
        if (seconds := until - time.monotonic()) < 1:
            break
        rest = replace(job, limits=replace(job.limits, seconds=seconds)).encoded()
        with reader(_SERVER, rest, shown, seconds + START_SECONDS) as lines:
            for line in lines:
                try:
                    return SubmissionCheck.model_validate_json(line)
                except ValidationError:
                    until = 0.0
    raise OSError("the process that reads submissions ended without an answer")
