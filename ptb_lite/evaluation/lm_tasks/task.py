"""What is known of a task of lm-eval, before and after it was loaded. Nothing heavy here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from ptb_lite.catalog.entries import LM_EVAL
from ptb_lite.evaluation.items.item import Item
from ptb_lite.events import Record

PREFIX = LM_EVAL
GIVEN = "given"
"""The folder, beside a task's items, of what an agent is given to evaluate on."""
BEGINS = "begins"
"""Key of an item's metadata: its target stands before the question, not after it."""


class LmTask(Record):
    """A task as the evaluation runs it: its file and the one number that counts.

    `definition` is its YAML file, `sha256` of that file and all that lies beside it, `filter` the
    name of the filter whose answers count, `metric` what lm-eval says of one answer, in [0, 1].
    `trusted`: Python code of the task may run. `exact_shots`: as many examples as a job says, also
    none, and not the task's own number; `own_shots`: they are no test items. `given`: it is an
    agent's copy, whose documents lie beside it in the order of the items. `description` stands
    before a question, `delimiter` before an answer and `stop` after it.
    """

    name: str
    definition: Path
    sha256: str
    metric: str
    filter: str
    trusted: bool = False
    exact_shots: bool = False
    own_shots: bool = True
    given: bool = False
    description: str = ""
    delimiter: str = " "
    stop: str = ""

    @property
    def measure(self) -> str:
        """The metric for people, with its filter where the task has one."""
        return self.metric if self.filter == "none" else f"{self.metric} ({self.filter})"


class LmTaskFound(Record):
    """What the process found: the task, where its items come from, and their files' lengths.

    They lie in `folder`; `source` names the split that train and dev items were taken from.
    `num_fewshot` examples are what few-shot means for it, `max_new_tokens` how long an answer may
    be. `dataset` is the id of its data set on the Hub, empty where its data are files. `given` is
    the copy of the task for an agent, in the files `given_files` of `folder`/given.
    """

    version: Literal[1] = 1
    task: LmTask
    folder: Path
    output_type: str
    scored_split: str
    source: str
    dataset: str = ""
    own_shots: bool
    train: int
    dev: int
    test: int
    held_out: tuple[str, ...] = ()
    num_fewshot: int = 0
    max_new_tokens: int = 256
    given: LmTask | None = None
    given_files: tuple[str, ...] = ()


class LmTaskRequest(Record):
    """What the process is asked: a task by name, and where its items go.

    `give`: a copy of it for an agent as well.
    """

    name: str
    include_path: Path | None = None
    trusted: bool = False
    folder: Path
    seed: int = Field(ge=0)
    feedback: Literal["dev", "test"]
    give: bool = False


class LmTaskRefused(Record):
    """Why a task cannot be a benchmark."""

    message: str
    hint: str = ""


def is_lm_task(benchmark: str) -> bool:
    return benchmark.startswith(PREFIX)


def training_pair(item: Item, task: LmTask) -> tuple[str, str]:
    """What a model is asked without examples, and what a perfect one writes then."""
    first, last = item.question, item.target
    if item.metadata.get(BEGINS):
        first, last = last, first
    return f"{task.description}{first}", f"{task.delimiter}{last}{task.stop}"


def file_form(benchmark: str) -> str:
    """A benchmark's id as part of a file's name: no other id has an `@` in it."""
    return benchmark.replace(":", "@")


def result_stem(label: str, benchmark: str) -> str:
    """What the names of a task's result, samples and judgements begin with: zero_shot.gsm8k."""
    return f"{label}.{file_form(benchmark)}"
