"""Loss on answers, by the base and by the submission: measured in a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

from pydantic import Field

from ptb_lite.audit.evidence.losses import Losses
from ptb_lite.evaluation.engine.process import kill_group, log_tail
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.events import Record
from ptb_lite.installation import own_program

MAX_SECONDS = 1800.0


class Question(Record):
    """One text to be measured: how likely `completion` is after `prompt`.

    `spans` are the character ranges of `completion` at which the loss is counted; empty: all of
    it. `short` asks as well whether the model itself would write exactly that. `sibling` marks a
    fresh item, `sibling_of` names the test item that it was made from, and `view` tells apart
    several texts of one item.
    """

    item_id: str
    benchmark: str
    view: str = ""
    prompt: str
    completion: str = Field(min_length=1)
    spans: tuple[tuple[int, int], ...] = ()
    short: bool = False
    sibling: bool = False
    sibling_of: str = ""


class LossesJob(Record):
    """`model` is the base model's folder, `adapter` the submission's: an adapter of it, or whole
    weights in its shapes. `output` is the file to write."""

    version: Literal[2] = 2
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
    command = own_program("ptb_lite.evaluation.losses.main", str(job_file))
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
