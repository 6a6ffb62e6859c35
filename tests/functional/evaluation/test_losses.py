"""Losses of base and submission, measured in their process, against torch's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.losses import LossesJob, Question, measure_losses
from tests.functional.runner.conftest import tiny_model

__all__ = ["tiny_model"]


def write_adapter(folder: Path, base: Path, fill: float) -> Path:
    folder.mkdir()
    config = json.loads((base / "config.json").read_text())
    hidden, out = config["hidden_size"], config["num_attention_heads"] * config["head_dim"]
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        name = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{name}.lora_A.weight"] = numpy.full((2, hidden), 0.1, "float32")
        tensors[f"{name}.lora_B.weight"] = numpy.full((out, 2), fill, "float32")
    save_file(tensors, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def job(tmp_path: Path, base: Path, fill: float) -> LossesJob:
    questions = tuple(
        Question(
            item_id=f"t{n}",
            benchmark="b",
            question="x" * n + f" {n} + 1 = ?",
            target=str(n + 1) * (1 + n % 3),
            sibling=n % 2 == 1,
        )
        for n in range(20)
    )
    return LossesJob(
        model=base,
        adapter=write_adapter(tmp_path / "adapter", base, fill),
        device="cpu",
        questions=questions,
        output=tmp_path / "losses.json",
    )


def by_torch(base: Path, asked: Question) -> float:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).eval()
    before = f"Question: {asked.question}\nAnswer:"
    ids = torch.tensor([tokenizer(f"{before} {asked.target}\n")["input_ids"]])
    labels = ids.clone()
    labels[:, : len(tokenizer(before)["input_ids"])] = -100
    with torch.inference_mode():
        return float(model(input_ids=ids, labels=labels).loss)


def test_they_are_torchs_losses_and_an_empty_adapter_changes_none(
    tmp_path: Path, tiny_model: Path
) -> None:
    asked = job(tmp_path, tiny_model, 0.0)
    found = measure_losses(asked)
    assert [item.item_id for item in found.items] == [one.item_id for one in asked.questions]
    assert [item.sibling for item in found.items] == [one.sibling for one in asked.questions]
    assert all(item.loss == pytest.approx(item.base_loss, abs=1e-4) for item in found.items)
    for number in (0, 7, 19):
        expected = by_torch(tiny_model, asked.questions[number])
        assert found.items[number].base_loss == pytest.approx(expected, rel=0.01)


def test_what_cannot_be_measured_says_why(tmp_path: Path, tiny_model: Path) -> None:
    asked = job(tmp_path, tiny_model, 0.0)
    (asked.adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(EvaluationError) as caught:
        measure_losses(asked)
    assert "adapter setting" in str(caught.value.log)
