"""One process that reads the agent's programs and trace, and forks a worker for each detector that
goes by them: to read them takes longer than what most of these detectors do then.

A file that takes this process over speaks for all of them; it would have been read, by the same
code, in each of them. What does not go by programs is kept apart from it.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import takewhile

from ptb_lite.audit.isolation.detecting import is_result_of, loads_model, one_result, with_ends
from ptb_lite.audit.isolation.forked import Attempt, streamed, write
from ptb_lite.audit.isolation.job import Job, encoded
from ptb_lite.audit.protocol import Detector

_FEWEST_SECONDS = 2.0
_CORES = 2


def sharing(detectors: Sequence[Detector], job: Job, until: float) -> Iterator[bytes]:
    """The lines of the first detectors, as far as they go by programs. Fewer when the process that
    read these ended: the others are for the caller to ask one by one."""
    left = list(takewhile(lambda one: _shares(one, job), detectors))
    ends: list[Attempt] = []
    without = job.case.without
    for _ in range(job.limits.attempts if len(left) > 1 else 0):
        seconds = until - time.monotonic()
        if seconds < _FEWEST_SECONDS:
            return
        reader = _Reader(left, replace(job, case=replace(job.case, without=without)), until)
        lines = streamed(
            reader,
            folder=job.case.folder,
            memory_bytes=job.limits.memory_bytes,
            seconds=seconds,
            first_seconds=seconds / 2,
        )
        has_read = False
        while True:
            try:
                line = next(lines)
            except StopIteration as ended:
                made: Attempt = ended.value
                break
            if not line:
                has_read = True
                continue
            if not left or not is_result_of(left[0], line):
                lines.close()
                return
            detector = left.pop(0)
            yield encoded(with_ends(detector, Attempt(line), ends)) if ends else line
            ends = []
        if has_read or not made.file or made.file in without:
            return
        ends.append(made)
        without = (*without, made.file)


def _shares(detector: Detector, job: Job) -> bool:
    return detector.reads_programs and not loads_model(detector, job.case)


class _Reader:
    """The process: an empty line when the programs are read, then a line for each detector."""

    def __init__(self, detectors: Sequence[Detector], job: Job, until: float) -> None:
        self._detectors, self._job, self._until = tuple(detectors), job, until

    def __call__(self, out: int) -> None:
        with suppress(Exception):
            # Whatever is wrong with them, each detector meets it, and says so.
            self._job.case.programs.follow_all()
        gc.freeze()  # a collection would copy what the workers share with this process
        write(out, b"\n")
        job, until = self._job, self._until
        one_by_one, beside = self._divided()
        seconds = until - time.monotonic()
        others: Iterable[bytes] = ()
        if beside:
            others = streamed(
                lambda theirs: _write_results(beside, job, until, theirs, close=(out,)),
                folder=job.case.folder,
                memory_bytes=job.limits.memory_bytes,
                seconds=seconds,
                first_seconds=seconds,
            )
        _write_results(one_by_one, job, until, out)
        for line in others:
            write(out, line + b"\n")

    def _divided(self) -> tuple[tuple[Detector, ...], tuple[Detector, ...]]:
        """Those that run one by one, and those at the end that run beside them."""
        cores = len(os.sched_getaffinity(0))
        count = sum(not one.takes_long for one in self._detectors)
        if self._job.live or cores < _CORES:
            count = len(self._detectors)
        return self._detectors[:count], self._detectors[count:]


def _write_results(
    detectors: Sequence[Detector], job: Job, until: float, out: int, close: Sequence[int] = ()
) -> None:
    """A line for each, to the descriptor `out`, which their processes do not get, nor `close`."""
    for one in close:
        os.close(one)
    without = job.case.without
    for detector in detectors:
        line, without = one_result(detector, job, without, until, close=(out,))
        write(out, line + b"\n")
