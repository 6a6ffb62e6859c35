"""The folder that vLLM serves: the base model's own, or one with an adapter merged into it.

vLLM could put a LoRA adapter on at run time, and we do not let it: it reads adapter_config.json and
the weights by itself (a pickle, where there is no safetensors file), refuses DoRA and ranks above a
limit set beforehand, and knows nothing of what we check. Merged, a submission passes the same code
as through transformers, nothing of it reaches vLLM but numbers, and generation has no adapter to
multiply by.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from ptb_lite.audit.weights.whole import whole_weights
from ptb_lite.evaluation.engine.model_loading import check_finite as finite
from ptb_lite.evaluation.engine.model_loading import (
    load_base,
    load_whole,
    merge_into,
    unlike_the_base,
)
from ptb_lite.evaluation.engine.process import SERVED_NAME
from ptb_lite.evaluation.errors import EvaluationError, SubmissionUnservable
from ptb_lite.evaluation.job import EvaluationJob

LEAST_KEPT = 0.95
"""Of an adapter's change: below it, another model than the submission would be scored."""


@contextmanager
def served_folder(job: EvaluationJob) -> Iterator[Path]:
    """The folder to load weights and config from; a merged one is deleted at the end.

    Raises `InvalidSubmissionError` for an adapter that cannot be scored, `EvaluationError` for a
    folder that is no model or a disk without room.
    """
    if job.adapter is None:
        check_finite(job.model)
        yield job.model
        return
    folder = job.output / SERVED_NAME
    shutil.rmtree(folder, ignore_errors=True)
    try:
        merge_to(job, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def merge_to(job: EvaluationJob, folder: Path) -> None:
    """Write the base model with the job's adapter in it to `folder`, as safetensors.

    On the CPU: the GPU is vLLM's, and CUDA may not be up before it. Raises
    SubmissionUnservable for an
    adapter that makes another architecture of the base model, or whose change the precision rounds
    away; transformers can run it.
    """
    assert job.adapter is not None
    if whole_weights(job.adapter):
        model, kept = load_whole(job.adapter, job.model, dtype=job.dtype, device="cpu"), 1.0
    else:
        model, kept = merge_into(load_base(job.model, dtype=job.dtype, device="cpu"), job.adapter)
    finite(model, job.model, job.adapter)
    why = unlike_the_base(model, job.model)
    if not why and kept < LEAST_KEPT:
        why = f"merged in {job.dtype}, {1 - kept:.0%} of its change is rounded away"
    if why:
        raise SubmissionUnservable(f"vLLM cannot serve this submission as it is: {why}")
    try:
        model.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        raise EvaluationError(
            f"the merged model cannot be written: {error}",
            field=str(folder),
            hint="Free some room, or take --engine transformers, which writes nothing",
        ) from error


def check_finite(model: Path) -> None:
    """Raises EvaluationError when a folder has no weights that can be read, or some not finite."""
    files = sorted(model.glob("*.safetensors"))
    if not files:
        raise EvaluationError("cannot be loaded: no *.safetensors", field=f"model {model}")
    for file in files:
        try:
            with safe_open(file, framework="pt") as weights:
                bad = next(
                    (name for name in weights.keys() if not _finite(weights.get_tensor(name))),  # noqa: SIM118
                    None,
                )
        except (OSError, SafetensorError) as error:
            raise EvaluationError(f"cannot be loaded: {error}", field=f"model {model}") from error
        if bad is not None:
            raise EvaluationError(f"weights that are not finite: {bad}", field=f"model {model}")


def _finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
