"""What a result is of: a digest of everything that affects a task's score. Nothing heavy here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.files import file_sha256
from ptb_lite.plugins import origin

_PLACES: dict[str, bool | set[str]] = {
    **dict.fromkeys(("label", "key", "items", "shots", "definition"), True),
    "lm_task": {"definition"},
}
# How much memory the engine may take and where it is installed: no completion depends on either.
_APART = {"model": True, "adapter": True, "tasks": True, "output": True, "plugins": True}
_ENGINE_PLACE = {"python", "memory_share"}
_CODE = (".py", ".yaml", ".jinja")
_WEIGHTS = (".safetensors",)


def task_key(
    job: EvaluationJob,
    task: EvaluationTask,
    *,
    weights: str,
    device: str,
    packages: Mapping[str, str],
) -> str:
    """SHA-256 over weights, tokenizer, items, shots, generation settings, chat template, device,
    dtype, engine and its packages, batch size, seed, package versions and this room's own code,
    in which the task's wording and scorer lie. Where the files lie does not matter.

    `weights` identifies base model and adapter, `device` names kind and make. Raises OSError when
    a file cannot be read.
    """
    parts = {
        "format": 1,
        "weights": weights,
        "model_files": _small_files(job.model),
        "task": task.model_dump(mode="json", exclude=_PLACES),
        "items": file_sha256(task.items),
        "shots": file_sha256(task.shots) if task.shots and task.num_fewshot else None,
        "definition": file_sha256(task.definition) if task.definition else None,
        "job": job.model_dump(mode="json", exclude={**_APART, "engine": _ENGINE_PLACE}),
        "device": device,
        "packages": dict(packages),
        "code": code_sha256(),
        # A benchmark of somebody else's is in no room of ours.
        "plugin": origin("benchmarks", task.benchmark),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def code_sha256() -> str:
    """Digest of the evaluation's own files; judging comes after and has keys of its own."""
    root = Path(__file__).parents[1]
    files = sorted(
        path
        for room in ("benchmarks", "evaluation")
        for path in (root / room).rglob("*")
        if path.suffix in _CODE and path.relative_to(root).parts[:2] != ("evaluation", "judge")
    )
    digests = [f"{path.relative_to(root)}:{file_sha256(path)}" for path in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _small_files(model: Path) -> str:
    """Config and tokenizer: they decide as much as the weights, which `weights` stands for."""
    files = sorted(
        path for path in model.iterdir() if path.is_file() and path.suffix not in _WEIGHTS
    )
    digests = [f"{path.name}:{file_sha256(path)}" for path in files]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
