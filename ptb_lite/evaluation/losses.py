"""Loss on answers, by the base and by the submission: measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field

from ptb_lite.audit.losses import Losses
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.process import kill_group, log_tail
from ptb_lite.events import Record

MAX_SECONDS = 1800.0


class Question(Record):
    """One item to be measured; `sibling` marks a fresh one."""

    item_id: str
    benchmark: str
    question: str
    target: str
    sibling: bool


class LossesJob(Record):
    """`model` and `adapter` are folders as in an EvaluationJob, `output` the file to write."""

    version: Literal[1] = 1
    model: Path
    adapter: Path
    device: Literal["auto", "cpu", "cuda"] = "auto"
    questions: tuple[Question, ...] = Field(min_length=1, max_length=100_000)
    output: Path


def measure_losses(job: LossesJob) -> Losses:
    """Run the process and read what it wrote.

    Raises EvaluationError with the tail of its log when it fails or takes too long.
    """
    folder = job.output.parent
    job_file, log = folder / "losses-job.json", folder / "losses.log"
    job_file.write_text(job.model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-m", "ptb_lite.evaluation.losses_main", str(job_file)]
    with log.open("wb") as stream:
        # Its standard input ends with this process, however that ends, and it ends with it.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        code = process.wait(MAX_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise EvaluationError(
            f"took longer than {MAX_SECONDS:.0f} seconds", field="losses"
        ) from error
    finally:
        kill_group(process)
        if process.stdin is not None:
            process.stdin.close()
    if code != 0:
        raise EvaluationError("could not be measured", log=log_tail(log), field="losses")
    return Losses.model_validate_json(job.output.read_bytes())
