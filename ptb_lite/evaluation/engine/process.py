"""Run one evaluation in its own process and group, and follow what it says."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from ptb_lite.evaluation.benchmark import targets
from ptb_lite.evaluation.engine.messages import (
    MESSAGE,
    EngineDidNotStart,
    Message,
    ModelLoaded,
    SubmissionInvalid,
    TaskFinished,
    WorkerFailed,
)
from ptb_lite.evaluation.errors import (
    EngineFailed,
    EvaluationError,
    EvaluationStopped,
    InvalidSubmissionError,
    SubmissionUnservable,
)
from ptb_lite.evaluation.job import EvaluationJob
from ptb_lite.evaluation.results import EvaluationResult
from ptb_lite.evaluation.submission import read_submission
from ptb_lite.installation import own_program

LOG_NAME = "worker.log"
JOB_NAME = "job.json"
SERVED_NAME = "served"
VLLM_ENTRY = Path(__file__).parents[1] / "vllm" / "entry.py"
MAX_LINE_BYTES = 1024 * 1024
TAIL_BYTES = 4000
TERMINATE_SECONDS = 1.0
EXIT_SECONDS = 30.0
POLL_SECONDS = 0.1

OnProgress = Callable[[Message], None]
ShouldStop = Callable[[], bool]


def run_evaluation(
    job: EvaluationJob,
    *,
    on_progress: OnProgress = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> tuple[EvaluationResult, ...]:
    """The results of `job`'s tasks, in their order.

    The worker is a process in a session of its own: it ends with this call in every case (stop,
    error, exception in `on_progress`), killed by its group, and also when this process dies.

    Raises `EvaluationStopped`, `InvalidSubmissionError` (the submission's fault), `EngineFailed`
    (vLLM did not start) and `EvaluationError` (anything else), with the tail of the log.
    """
    if job.adapter is not None:
        # In a worker under limits, before a process that holds a model reads it.
        check = read_submission(job.adapter, whole=True)
        if not check.valid:
            raise InvalidSubmissionError(check.reason, field="submission")
    try:
        job.output.mkdir(parents=True, exist_ok=True)
        tasks = [(task.benchmark, task.kind) for task in job.tasks if task.lm_task is None]
        found = targets(tasks) if job.engine.python else {}
        job = job.model_copy(update={"plugins": found})
        (job.output / JOB_NAME).write_text(job.model_dump_json(indent=2), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(
            f"cannot be written: {error.strerror}", field=str(job.output)
        ) from error
    log = job.output / LOG_NAME
    results: list[EvaluationResult] = []
    fault: SubmissionInvalid | EngineDidNotStart | WorkerFailed | None = None
    loaded = False
    with _worker(job, log) as process:
        for message in _messages(process, should_stop):
            match message:
                case ModelLoaded():
                    loaded = True
                case TaskFinished():
                    results.append(message.result)
                case SubmissionInvalid() | EngineDidNotStart() | WorkerFailed():
                    fault = message
            on_progress(message)
        _has_ended(process, EXIT_SECONDS)
    code = process.returncode
    tail = log_tail(log)
    match fault:
        case SubmissionInvalid():
            raise InvalidSubmissionError(fault.reason, log=tail, field="submission")
        case EngineDidNotStart(by_submission=True):
            raise SubmissionUnservable(fault.reason, log=tail, field="submission")
        case EngineDidNotStart():
            raise EngineFailed(
                f"vLLM did not start: {fault.reason}",
                log=tail,
                field="engine",
                hint=f"See {log}, or take --engine transformers",
            )
        case None if job.engine.name == "vllm" and not loaded:
            # Drivers and kernels that do not match end a process without an exception.
            raise EngineFailed(
                f"vLLM did not start: its process {_ended(code)}",
                log=tail,
                field="engine",
                hint=f"See {log}, or take --engine transformers",
            )
        case WorkerFailed():
            raise EvaluationError(fault.reason, log=tail, field="evaluation", hint=f"See {log}")
    if code != 0 or len(results) != len(job.tasks):
        raise EvaluationError(
            f"the evaluation process {_ended(code)} before it was done",
            log=tail,
            field="evaluation",
            hint=f"See {log}",
        )
    return tuple(results)


def log_tail(log: Path, limit: int = TAIL_BYTES) -> str:
    """The last `limit` bytes of a log as printable text; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - limit))
            text = file.read(limit).decode("utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(c for c in text.replace("\r", "\n") if c.isprintable() or c == "\n")


DISTRIBUTED = (
    *("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK"),
    *("MASTER_ADDR", "MASTER_PORT"),
)
"""Variables of a scheduler's job that torch takes for an invitation to wait for others."""


def alone(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is one of none."""
    return {key: value for key, value in environ.items() if key not in DISTRIBUTED}


def worker_command(job: EvaluationJob) -> list[str]:
    """What starts the worker: with this Python, or the one of the engine's own environment."""
    job_file = str(job.output / JOB_NAME)
    if job.engine.python is None:
        return own_program("ptb_lite.evaluation.engine.worker", job_file)
    # Isolated: neither this environment's variables nor the script's folder lead to packages.
    return [str(job.engine.python), "-I", str(VLLM_ENTRY), job_file]


@contextmanager
def _worker(job: EvaluationJob, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The worker process; on leaving, nothing of its group is left, nor a merged model.

    Its standard input is a pipe that this process holds open: when this process dies, however it
    dies, the worker reads the end of it and ends too.
    """
    with log.open("wb") as log_file:
        try:
            process = subprocess.Popen(
                worker_command(job),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log_file,
                env=alone(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            program = worker_command(job)[0]
            raise EngineFailed(
                f"{program} cannot be started: {error.strerror}", field="engine"
            ) from error
    try:
        yield process
    finally:
        kill_group(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        shutil.rmtree(job.output / SERVED_NAME, ignore_errors=True)


def kill_group(process: subprocess.Popen[bytes], grace: float = TERMINATE_SECONDS) -> None:
    """End the group that `process` leads (started with `start_new_session`) and reap its leader.

    The leader is reaped last: until then its id, which is the group's, cannot be given away.
    """
    if process.returncode is not None:
        return
    if not _has_ended(process, 0.0):
        os.killpg(process.pid, signal.SIGTERM)
        _has_ended(process, grace)
    # Also when the leader ended by itself: a child of it may have stayed.
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _has_ended(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Whether the process ends within `timeout` seconds; leaves it to be reaped."""
    deadline = time.monotonic() + timeout
    while True:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)


def _messages(process: subprocess.Popen[bytes], should_stop: ShouldStop) -> Iterator[Message]:
    """What the worker says until it closes its output; raises `EvaluationStopped` when asked."""
    assert process.stdout is not None
    lines: queue.Queue[bytes | None] = queue.Queue()
    reader = threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True)
    reader.start()
    while True:
        if should_stop():
            raise EvaluationStopped("the evaluation was stopped")
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return
        try:
            yield MESSAGE.validate_json(line)
        except ValidationError:
            # A line that is no message is a library's print that escaped the redirect.
            continue


def _read_lines(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    try:
        while line := stream.readline(MAX_LINE_BYTES):
            lines.put(line)
    finally:
        lines.put(None)


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    return f"was killed by {name}" + (" (most often: out of memory)" if name == "SIGKILL" else "")
