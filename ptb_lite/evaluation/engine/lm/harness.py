"""One task through lm-eval's `evaluate`, set up as its `simple_evaluate` sets one up.

`simple_evaluate` also describes the machine (pip, driver, CPU: 1 to 4 seconds a task), which
nobody reads here: a run records its versions itself.
"""

from __future__ import annotations

import random
from typing import Any

import lm_eval
import numpy
import torch


def evaluate_task(
    name: str,
    task: Any,
    lm: Any,
    *,
    seed: int,
    num_fewshot: int | None,
    generation: dict[str, Any] | None,
    chat_template: bool,
    limit: int | None = None,
    samples: list[int] | None = None,
) -> list[dict[str, Any]]:
    """lm-eval's record of every sample, one for each filter of the task.

    `num_fewshot` None keeps the task's own number; a task whose own is 0 keeps 0, as in lm-eval.
    `generation` changes the settings of a task that generates. `samples` are places among the
    task's documents; either they or `limit`.
    """
    _set_up(task, seed, num_fewshot, generation)
    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
    outcome = lm_eval.evaluate(
        lm=lm,
        task_dict={"tasks": {name: task}, "groups": {}},
        limit=limit,
        samples=None if samples is None else {name: samples},
        bootstrap_iters=0,
        log_samples=True,
        apply_chat_template=chat_template,
        fewshot_as_multiturn=True,
    )
    records: list[dict[str, Any]] = outcome["samples"][name]
    return records


def _set_up(
    task: Any, seed: int, num_fewshot: int | None, generation: dict[str, Any] | None
) -> None:
    if generation and task.get_config("output_type") == "generate_until":
        task.set_config(key="generation_kwargs", value=generation, update=True)
    own = task.get_config("num_fewshot")
    if num_fewshot is not None and own != 0:
        task.set_config(key="num_fewshot", value=num_fewshot)
    elif own is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=seed)
