"""How vLLM is started for a job: its arguments, its environment, and the folder that it serves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ptb_lite.evaluation.errors import EngineFailed
from ptb_lite.evaluation.job import EvaluationJob
from ptb_lite.evaluation.vllm.model_folder import served_folder

# Read when vLLM is imported. In one process: it ends with ours, and batches are made in the same
# order each time (vLLM's documentation, "Reproducibility"). No reports of use, no plugins; its
# rendezvous with itself listens on this machine alone; sampling needs no kernels compiled first.
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_PLUGINS": "",
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}
_CPU_CACHE_GIB = "2"
# As long as the model allows, shorter where the memory does not suffice for one such row.
_LONGEST_THAT_FITS = -1


def settings(job: EvaluationJob, folder: Path, device: str) -> dict[str, Any]:
    """The arguments of lm-eval's `VLLM` to serve the weights in `folder`.

    Weights from safetensors alone and never remote code; the tokenizer is the base model's.
    """
    found: dict[str, Any] = {
        "pretrained": str(folder),
        "tokenizer": str(job.model),
        "dtype": job.dtype,
        "trust_remote_code": False,
        "load_format": "safetensors",
        "batch_size": job.batch_size,
        "max_model_len": _LONGEST_THAT_FITS,
        "seed": job.seed,
    }
    if device == "cpu":
        # Compiling takes longer there than most evaluations.
        return found | {"enforce_eager": True}
    return found | {"gpu_memory_utilization": job.engine.memory_share}


def load_vllm(
    job: EvaluationJob,
    *,
    device: str,
    on_rows: Callable[[int], None],
    on_warning: Callable[[str], None],
) -> Any:
    """The model of a job, ready to generate.

    Raises what `served_folder` raises, and `EngineFailed` where vLLM does not start.
    """
    prepare_environment(device)
    with served_folder(job) as folder:
        try:
            from ptb_lite.evaluation.vllm.lm import FollowedVLLM

            lm = FollowedVLLM(
                settings(job, folder, device), chat_template=job.chat_template, on_rows=on_rows
            )
        except Exception as error:
            # Whatever an optional engine runs into at its start (drivers, kernels, versions,
            # memory), the other engine can do the work.
            raise EngineFailed(_line(error)) from error
    whole = getattr(lm._config.get_text_config(), "max_position_embeddings", lm.max_length)
    if lm.max_length < whole:
        on_warning(f"memory suffices for {lm.max_length} of the model's {whole} tokens")
    return lm


def prepare_environment(device: str) -> None:
    """Variables that vLLM reads when it is imported."""
    os.environ.update(ENVIRONMENT)
    # Ours, for transformers; vLLM divides the GPU's memory in its own way.
    os.environ.pop("PYTORCH_CUDA_ALLOC_CONF", None)
    if device == "cpu":
        os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", _CPU_CACHE_GIB)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:300]}"
