"""What a job, its model folder and this machine are like: the facts `choose_evaluation` decides by.

No model is loaded and torch is not imported: the choice is part of a result's identity, which is
known before the evaluation's process starts.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from ptb_lite.choices import EngineChoice
from ptb_lite.evaluation.engine.plan import (
    EvaluationPlan,
    Facts,
    Work,
    choose_evaluation,
    without_vllm,
)
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.vllm.place import Missing, find_vllm
from ptb_lite.files import existing_folder
from ptb_lite.hardware import ModelShape, detect_device

MAX_CONFIG_BYTES = 4 * 1024 * 1024
# The limit of procedural.yaml, which no procedural benchmark exceeds, where the job names none.
_PROCEDURAL_ANSWER = 32
# Few tokens are shorter than three characters on average; the words around a question and its
# chat template take the rest.
_CHARACTERS_PER_TOKEN = 3
_AROUND_TOKENS = 64
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


def plan_evaluation(job: EvaluationJob, asked: EngineChoice = "auto") -> EvaluationPlan:
    """The plan for `job` on this machine as it is now.

    Raises DeviceError, ItemsError, SpecError where vLLM is asked for in vain, and EvaluationError
    where the model's folder has no config.
    """
    return choose_evaluation(gather(job, asked), asked)


def plan_without_vllm(job: EvaluationJob, plan: EvaluationPlan, why: str) -> EvaluationPlan:
    """The plan that is left after vLLM, which `plan` chose by itself, did not start."""
    return without_vllm(plan, gather(job, "transformers"), why)


def with_plan(job: EvaluationJob, plan: EvaluationPlan) -> EvaluationJob:
    return job.model_copy(update={"engine": plan.engine, "batch_size": plan.batch_size})


def gather(job: EvaluationJob, asked: EngineChoice = "auto") -> Facts:
    """Raises DeviceError, ItemsError and EvaluationError."""
    device = detect_device(job.device)
    config = read_config(job.model)
    needless = asked == "transformers" or (asked == "auto" and device.kind == "cpu")
    tasks = [(task, read_items(task.items)[: task.limit]) for task in job.tasks]
    return Facts(
        device=device.kind,
        memory_total=device.memory_bytes,
        memory_free=device.available_bytes,
        model_type=str(config.get("model_type", "")),
        numbers=model_numbers(config, job.model),
        sequence=max(longest(task, items) for task, items in tasks),
        disk_free=shutil.disk_usage(existing_folder(job.output)).free,
        work=tuple(Work(len(items), _answer(task)) for task, items in tasks),
        lm_tasks=any(task.lm_task is not None for task in job.tasks),
        vllm=Missing("vLLM was not looked for") if needless else find_vllm(),
    )


def longest(task: EvaluationTask, items: tuple[Item, ...]) -> int:
    """Tokens of the longest prompt with its answer, estimated from characters."""
    question = max((len(item.question) for item in items), default=0)
    solved = 0
    if task.shots is not None and task.num_fewshot:
        solved = max(
            (len(item.question) + len(item.target) for item in read_items(task.shots)), default=0
        )
    characters = question + task.num_fewshot * (solved + _AROUND_TOKENS)
    return characters // _CHARACTERS_PER_TOKEN + _AROUND_TOKENS + _answer(task)


def read_config(model: Path) -> dict[str, Any]:
    """A model folder's config.json. Raises EvaluationError where it is none."""
    path = model / "config.json"
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
        config = json.loads(data) if len(data) <= MAX_CONFIG_BYTES else None
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(
            f"cannot be loaded: {type(error).__name__}", field=f"model {model}"
        ) from error
    if not isinstance(config, dict):
        raise EvaluationError("cannot be loaded: not a config", field=f"model {model}")
    return config


def model_numbers(config: dict[str, Any], model: Path) -> ModelShape | None:
    """The sizes that memory is estimated from; None where the config does not tell them.

    Parameters are counted by the size of the weights' files.
    """
    text = config.get("text_config")
    text = text if isinstance(text, dict) else config
    stored = str(text.get("dtype") or text.get("torch_dtype") or config.get("dtype"))
    size = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    try:
        heads, hidden = int(text["num_attention_heads"]), int(text["hidden_size"])
        shape = ModelShape(
            parameters=size // _BYTES.get(stored, 2),
            vocabulary=int(text["vocab_size"]),
            hidden=hidden,
            layers=int(text["num_hidden_layers"]),
            intermediate=int(text["intermediate_size"]),
            heads=heads,
            kv_heads=int(text.get("num_key_value_heads") or heads),
            head_dim=int(text.get("head_dim") or hidden // heads),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    sizes = (shape.vocabulary, hidden, shape.layers, shape.intermediate, heads, shape.head_dim)
    return shape if min(sizes) > 0 else None


def _answer(task: EvaluationTask) -> int:
    return task.max_new_tokens or _PROCEDURAL_ANSWER
