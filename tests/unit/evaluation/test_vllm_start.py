"""What vLLM is started with, against the signature of lm-eval's own class."""

from __future__ import annotations

import ast
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from ptb_lite.evaluation.job import Engine, EvaluationJob, EvaluationTask
from ptb_lite.evaluation.vllm.start import prepare_environment, settings

# Handed on by lm-eval's class to vLLM's `LLM` as they are; vLLM 0.32 knows all of them.
HANDED_ON = {"load_format", "gpu_memory_utilization", "enforce_eager"}
JOB = EvaluationJob(
    model=Path("/models/base"),
    adapter=Path("/run/sealed"),
    engine=Engine(name="vllm", memory_share=0.7),
    batch_size=512,
    seed=3,
    tasks=(EvaluationTask(label="a", benchmark="b", items=Path("items")),),
    output=Path("out"),
)


def class_arguments() -> set[str]:
    """The parameters of lm-eval's `VLLM`, read from its source: importing it needs vLLM."""
    spec = find_spec("lm_eval.models")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    source = Path(spec.submodule_search_locations[0]) / "vllm_causallms.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    (made,) = [
        function
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name == "VLLM"
        for function in node.body
        if isinstance(function, ast.FunctionDef) and function.name == "__init__"
    ]
    assert made.args.kwarg is not None
    return {argument.arg for argument in made.args.args} - {"self"}


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_argument_is_one_of_lm_evals_class_or_of_vllm(device: str) -> None:
    given = settings(JOB, Path("/out/served"), device)
    assert set(given) <= class_arguments() | HANDED_ON
    assert given["pretrained"] == "/out/served"
    assert given["tokenizer"] == "/models/base"
    assert given["trust_remote_code"] is False
    assert given["load_format"] == "safetensors"
    assert (given["seed"], given["batch_size"], given["dtype"]) == (3, 512, "bfloat16")
    assert given.get("gpu_memory_utilization") == (0.7 if device == "cuda" else None)
    assert given.get("enforce_eager") == (None if device == "cuda" else True)
    assert "lora_local_path" not in given


def test_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"PYTORCH_CUDA_ALLOC_CONF": "x", "HOME": "/root"})
    prepare_environment("cuda")
    assert os.environ == {
        "HOME": "/root",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_PLUGINS": "",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
    }
    prepare_environment("cpu")
    assert os.environ["VLLM_CPU_KVCACHE_SPACE"] == "2"
