"""task.json: the task as data, for agents that are programs rather than readers of a prompt.

Written by `workspace/`; read inside the sandbox by evaluate.py and by the recipe agent.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ptb_lite.catalog.entries import ChatFamily
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.lm_tasks.task import LmTask
from ptb_lite.events import Record


class TaskGeneration(Record):
    do_sample: bool = False
    temperature: float = 0.0
    top_p: float = 1.0


class TaskBenchmark(Record):
    """One benchmark as the agent gets it.

    `train` and `feedback` are JSONL files of items, relative to the workspace; `feedback` is the
    split that evaluate.py scores on (dev, or test with `feedback: test`). `train` is empty where
    the benchmark has no training items. `chat_family` names the chat template that the scored
    questions stand in; None: plain text. `example` is a file that shows one question as asked.
    """

    id: str
    title: str
    train: str
    feedback: str
    num_fewshot: int
    max_new_tokens: int
    chat_family: ChatFamily | None = None
    example: str = ""
    kind: Literal["procedural", "dataset", "lm-eval"] = "procedural"
    """Task files of earlier versions have none: whatever was no plugin was procedural there."""
    lm_task: LmTask | None = None
    """A task of lm-eval as the workspace has it, its file relative to the workspace."""


class Task(Record):
    """The content of task.json. `deadline` is in seconds since the epoch, `base_names` are what an
    adapter may call its base model.

    `deadline_uptime` is the same moment in seconds since this machine started, as /proc/uptime has
    it: a clock that nobody sets.
    """

    version: Literal[1] = 1
    base_model: str
    base_model_id: str
    base_names: tuple[str, ...] = ()
    device: str
    benchmarks: tuple[TaskBenchmark, ...]
    feedback: Literal["dev", "test"]
    generation: TaskGeneration
    budget_minutes: float
    deadline: float
    deadline_uptime: float | None = None
    seed: int
    submission: str = "final_model"
    whole_weights: bool = False
    """Whether whole weights are accepted, too."""
    feedback_limit: int | None = None


def seconds_left(task: Task) -> float:
    """Until the deadline, negative after it; by the wall clock only where there is no other."""
    if task.deadline_uptime is not None and (now := uptime_in(0.0)) is not None:
        return task.deadline_uptime - now
    return task.deadline - time.time()


def uptime_in(seconds: float) -> float | None:
    """The machine's uptime so many seconds from now; None where the system does not tell it."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return None
    return time.clock_gettime(time.CLOCK_BOOTTIME) + seconds


def read_task(workspace: Path) -> Task:
    """The task of a workspace folder. Raises PtbLiteError when there is none or it is damaged."""
    path = workspace / "task.json"
    try:
        return Task.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise PtbLiteError(
            "there is no task.json here", field=str(path), hint="Run this in the workspace"
        ) from None
    except ValidationError as error:
        raise PtbLiteError(
            f"cannot be read: {error.errors()[0]['msg']}", field=str(path)
        ) from error
