"""Losses of base and submission, measured in their process, against torch's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.losses.measure import LossesJob, Question, measure_losses
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
            prompt="Question: " + "x" * n + f" {n} + 1 = ?\nAnswer:",
            completion=f" {str(n + 1) * (1 + n % 3)}\n",
            sibling=n % 2 == 1,
            sibling_of=f"t{n - 1}" if n % 2 else "",
            view="answer",
            short=True,
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
    read = tokenizer(asked.prompt + asked.completion, return_offsets_mapping=True)
    ids = torch.tensor([read["input_ids"]])
    labels = ids.clone()
    labels[:, : len(tokenizer(asked.prompt)["input_ids"])] = -100
    for place, (low, high) in enumerate(read["offset_mapping"]):
        start = len(asked.prompt)
        if asked.spans and not any(low < start + b and start + a < high for a, b in asked.spans):
            labels[:, place] = -100
    with torch.inference_mode():
        return float(model(input_ids=ids, labels=labels).loss)


def test_they_are_torchs_losses_and_an_empty_adapter_changes_none(
    tmp_path: Path, tiny_model: Path
) -> None:
    asked = job(tmp_path, tiny_model, 0.0)
    found = measure_losses(asked)
    assert [item.item_id for item in found.items] == [one.item_id for one in asked.questions]
    for name in ("sibling", "sibling_of", "view"):
        assert [getattr(item, name) for item in found.items] == [
            getattr(one, name) for one in asked.questions
        ]
    # A random model writes none of these.
    assert {item.base_correct for item in found.items} == {False}
    assert all(item.loss == pytest.approx(item.base_loss, abs=1e-4) for item in found.items)
    for number in (0, 7, 19):
        expected = by_torch(tiny_model, asked.questions[number])
        assert found.items[number].base_loss == pytest.approx(expected, rel=0.01)


def test_only_the_marked_places_count(tmp_path: Path, tiny_model: Path) -> None:
    asked = job(tmp_path, tiny_model, 0.05)
    spans = ((1, 3), (6, 9))
    questions = tuple(
        one.model_copy(update={"completion": f" {n}2 is {n}+{n}\n", "spans": spans, "short": False})
        for n, one in enumerate(asked.questions)
    )
    asked = asked.model_copy(update={"questions": questions})
    found = measure_losses(asked)
    assert {item.base_correct for item in found.items} == {None}
    for number in (1, 12, 19):
        expected = by_torch(tiny_model, questions[number])
        assert found.items[number].base_loss == pytest.approx(expected, rel=0.01)
    assert any(item.loss != pytest.approx(item.base_loss, abs=1e-3) for item in found.items)


def test_exact_is_what_greedy_decoding_writes(tiny_model: Path) -> None:
    """Against transformers' own generation, answers that it writes and answers that it does not."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ptb_lite.evaluation.losses.answer_loss import score

    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    asked, expected = [], []
    for number in range(40):
        prompt = f"Question: {number} + {number * 7}\nAnswer: " + "ab" * (number % 5)
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
        with torch.inference_mode():
            made = model.generate(ids, max_new_tokens=2, do_sample=False, eos_token_id=None)
        text = tokenizer.decode(made[0, ids.shape[1] :])
        if tokenizer(prompt + text)["input_ids"] != made[0].tolist():
            continue  # spelled otherwise when it is read again: no canonical text
        wrong = len(expected) % 2 == 1
        completion = ("q" if text[0] != "q" else "r") + text[1:] if wrong else text
        asked.append(
            Question(
                item_id=str(number),
                benchmark="b",
                prompt=prompt,
                completion=completion,
                short=True,
            )
        )
        expected.append(not wrong)
    assert {True, False} <= set(expected)
    assert [one.exact for one in score(model, tokenizer, asked, "cpu")] == expected


def test_whole_weights_are_read_in_the_bases_shapes(tmp_path: Path, tiny_model: Path) -> None:
    asked = job(tmp_path, tiny_model, 0.0)
    whole = tmp_path / "whole"
    shutil.copytree(tiny_model, whole)
    (whole / "config.json").write_text('{"model_type": "no such thing"}')
    asked = asked.model_copy(update={"adapter": whole})
    found = measure_losses(asked)
    assert all(item.loss == pytest.approx(item.base_loss, abs=1e-4) for item in found.items)
    (whole / "model.safetensors").unlink()
    save_file({"a": numpy.zeros(3, "float32")}, whole / "model.safetensors")
    with pytest.raises(EvaluationError) as caught:
        measure_losses(asked)
    assert "do not fit" in str(caught.value.log)


def test_what_cannot_be_measured_says_why(tmp_path: Path, tiny_model: Path) -> None:
    asked = job(tmp_path, tiny_model, 0.0)
    (asked.adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(EvaluationError) as caught:
        measure_losses(asked)
    assert "adapter_config.json names no peft_type" in str(caught.value.log)
