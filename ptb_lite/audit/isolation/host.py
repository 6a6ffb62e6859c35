"""Starts the server of an audit and hears its results. Nothing of an agent's is read here."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.isolation.job import MAX_RESULT_BYTES, Job
from ptb_lite.audit.record import DetectorResult
from ptb_lite.sandbox import SandboxPlan, interpreter_paths, sandbox

_START_SECONDS = 60.0


@cache
def isolation() -> str:
    """How workers are kept apart on this machine, in words."""
    problem = sandbox("bubblewrap").problem()
    if problem is None:
        return "bubblewrap: no network, a read-only view; limits of memory and time"
    return f"limits of memory and time only ({problem})"


def results(job: Job) -> Iterator[DetectorResult]:
    """One result for each detector of a job, in its order, each as it comes. Nothing is raised.

    The server ends each worker at its limits; it is itself ended, with all that it started, when
    it is late.
    """
    left = list(job.detectors)
    with tempfile.TemporaryDirectory(prefix="ptb-lite-audit-") as empty, _server(job, empty) as run:
        for line in _lines(run, time.monotonic() + job.limits.seconds + _START_SECONDS):
            try:
                result = DetectorResult.model_validate_json(line)
            except ValidationError:
                break
            if not left or result.detector != left[0]:
                break
            left.pop(0)
            yield result
    for name in left:
        reason = "the audit's server ended before it; nothing was seen"
        yield DetectorResult(detector=name, status="skipped", reason=reason)


@contextmanager
def _server(job: Job, empty: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-P", "-m", "ptb_lite.audit.worker"]
    environment = _environment()
    if sandbox("bubblewrap").problem() is None:
        plan = SandboxPlan(
            workspace=Path(empty), read_only=_shown(job.case), environment=environment
        )
        command = sandbox("bubblewrap").wrap(command, plan)
    # A file and not a pipe: a job is larger than a pipe holds, and a server that does not read
    # would hold up the host.
    with tempfile.TemporaryFile() as given:
        given.write(job.encoded())
        given.seek(0)
        run = subprocess.Popen(
            command,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=empty,
            start_new_session=True,
        )
    try:
        yield run
    finally:
        with suppress(OSError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        if run.stdout is not None:
            run.stdout.close()


def _lines(run: subprocess.Popen[bytes], until: float) -> Iterator[bytes]:
    """The lines that come until then. A line that is too long is the last."""
    if run.stdout is None:
        return
    held = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(run.stdout, selectors.EVENT_READ)
        while ready.select(max(0.0, until - time.monotonic())):
            block = os.read(run.stdout.fileno(), 1 << 16)
            held += block
            *lines, rest = held.split(b"\n")
            held = bytearray(rest)
            yield from map(bytes, lines)
            if not block or len(held) > MAX_RESULT_BYTES + (1 << 20):
                return


def _environment() -> dict[str, str]:
    """All that a server gets: its imports, and pools of one thread in plain memory."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Arrow's own pool reserves more address space than a worker has.
        "ARROW_DEFAULT_MEMORY_POOL": "system",
    }


def _shown(case: AuditCase) -> tuple[Path, ...]:
    """What a server may read: itself, and the evidence."""
    evidence = (
        case.folder,
        case.submission,
        case.base_model,
        case.trace,
        case.hub_cache,
        case.instruct_model,
        case.embedder,
    )
    # Where outside detectors may lie; never the folder above the package, which in a source
    # checkout holds other runs.
    above = Path(__file__).resolve().parents[3]
    imports = (Path(path) for path in sys.path if path and Path(path).resolve() != above)
    return tuple(
        path.absolute() for path in (*interpreter_paths(), *imports, *evidence) if path is not None
    )
