"""What an evaluation leaves on disk: one result and one file of samples per task."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.job import Generation
from ptb_lite.events import Record

MAX_SAMPLES_BYTES = 256 * 1024 * 1024


class SampleRecord(Record):
    """One item with its completion. `extracted` is None when no answer was found.

    `score` lies in [0, 1], but a judge's points may be below 0; None: not scored, a judge has to.
    `also` holds scores by other rules, shown beside it.
    """

    item_id: str
    question: str
    target: str
    completion: str
    extracted: str | None
    correct: bool
    score: float | None
    also: dict[str, float] = Field(default_factory=dict)


class EvaluationResult(Record):
    """One scored task. `seconds` is generation and scoring, not loading.

    `score` lies in [0, 1]; None: not scored, a judge has to. `key` says what the result is of
    (`identity.task_key`), empty where nobody asked for it. `measured` is when, where it was taken
    from the cache.
    `items_sha256` is of the whole items file, `samples` the name of the samples file in the same
    folder, `packages` the versions of what affects a score. `chat_family` is the chat template's
    (None: plain text), `also` the means of the samples' other scores, `notes` what else a reader
    must know, such as how code was isolated. `engine` is what generated, transformers or vllm, with
    its version: scores of different engines are not of the same measurement. `metric` is what a
    task of lm-eval counts, empty of every other benchmark.
    """

    version: Literal[1] = 1
    label: str
    benchmark: str
    n: int
    correct: int
    score: float | None
    seconds: float
    num_fewshot: int
    limit: int | None
    generation: Generation
    batch_size: int
    dtype: str
    device: str
    task_version: int
    items_sha256: str
    packages: dict[str, str]
    samples: str
    key: str = ""
    measured: datetime | None = None
    chat_family: str | None = None
    max_new_tokens: int | None = None
    engine: str = "transformers"
    engine_version: str = ""
    metric: str = ""
    also: dict[str, float] = Field(default_factory=dict)
    notes: dict[str, JsonValue] = Field(default_factory=dict)


def read_samples(path: Path) -> tuple[SampleRecord, ...]:
    """The samples of one task in the order of its items file.

    Raises `EvaluationError` when the file is missing, larger than 256 MiB or not valid.
    """
    try:
        if path.stat().st_size > MAX_SAMPLES_BYTES:
            raise EvaluationError("is larger than 256 MiB", field=str(path))
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(SampleRecord.model_validate_json(line) for line in lines if line.strip())
    except OSError as error:
        raise EvaluationError(f"cannot be read: {error.strerror}", field=str(path)) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise EvaluationError("is not a file of samples", field=str(path)) from error


def read_result(path: Path) -> EvaluationResult:
    """One result file. Raises `EvaluationError` when it is missing or not valid."""
    try:
        return EvaluationResult.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EvaluationError(f"cannot be read: {error.strerror}", field=str(path)) from error
    except ValidationError as error:
        raise EvaluationError("is not an evaluation result", field=str(path)) from error
