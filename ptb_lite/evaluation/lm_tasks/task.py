"""What is known of a task of lm-eval, before and after it was loaded. Nothing heavy here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ptb_lite.events import Record

PREFIX = "lm-eval:"


class LmTask(Record):
    """A task as the evaluation runs it: its file and the one number that counts.

    `definition` is its YAML file, `sha256` of that file and all that lies beside it, `filter` the
    name of the filter whose answers count, `metric` what lm-eval says of one answer, in [0, 1].
    `trusted`: Python code of the task may run.
    """

    name: str
    definition: Path
    sha256: str
    metric: str
    filter: str
    trusted: bool = False

    @property
    def measure(self) -> str:
        """The metric for people, with its filter where the task has one."""
        return self.metric if self.filter == "none" else f"{self.metric} ({self.filter})"


class LmTaskFound(Record):
    """What the process found: the task, where its items come from, and their files' lengths.

    They lie in `folder`; `source` names the split that train and dev items were taken from.
    """

    version: Literal[1] = 1
    task: LmTask
    folder: Path
    output_type: str
    scored_split: str
    source: str
    own_shots: bool
    train: int
    dev: int
    test: int
    held_out: tuple[str, ...] = ()


class LmTaskRequest(Record):
    """What the process is asked: a task by name, and where its items go."""

    name: str
    include_path: Path | None = None
    trusted: bool = False
    folder: Path
    seed: int = Field(ge=0)
    feedback: Literal["dev", "test"]


class LmTaskRefused(Record):
    """Why a task cannot be a benchmark."""

    message: str
    hint: str = ""


def is_lm_task(benchmark: str) -> bool:
    return benchmark.startswith(PREFIX)


def file_form(benchmark: str) -> str:
    """A benchmark's id as part of a file's name: no other id has an `@` in it."""
    return benchmark.replace(":", "@")
