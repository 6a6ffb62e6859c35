"""What the worker says on its standard output: one JSON object a line."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from ptb_lite.evaluation.results import EvaluationResult
from ptb_lite.events import Record


class ModelLoaded(Record):
    type: Literal["model_loaded"] = "model_loaded"
    seconds: float
    device: str


class Progressed(Record):
    """`done` of `total` items of one task have a completion; `score` is the mean of the `graded`
    ones among them, None where none is."""

    type: Literal["progressed"] = "progressed"
    label: str
    benchmark: str
    done: int
    total: int
    score: float | None = None
    graded: int = 0


class WorkerWarned(Record):
    type: Literal["warned"] = "warned"
    message: str


class TaskFinished(Record):
    type: Literal["task_finished"] = "task_finished"
    result: EvaluationResult


class SubmissionInvalid(Record):
    type: Literal["submission_invalid"] = "submission_invalid"
    reason: str


class WorkerFailed(Record):
    type: Literal["failed"] = "failed"
    reason: str


class EngineDidNotStart(Record):
    """`by_submission`: it would, without this submission."""

    type: Literal["engine_did_not_start"] = "engine_did_not_start"
    reason: str
    by_submission: bool = False


Message = Annotated[
    ModelLoaded
    | Progressed
    | WorkerWarned
    | TaskFinished
    | SubmissionInvalid
    | EngineDidNotStart
    | WorkerFailed,
    Field(discriminator="type"),
]

MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)
