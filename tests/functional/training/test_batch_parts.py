"""A batch in parts, and a batch that does not fit: the same step either way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3Config

from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import read_examples
from ptb_lite.training.train import lora, make_trainer, plan_for, tokenised


@pytest.fixture
def trainer(tiny_gemma: Path, sums: Path, tmp_path: Path) -> Any:
    config = TrainingConfig(base_model=tiny_gemma, data=sums, output=tmp_path / "out", steps=1)
    tokenizer, dataset = tokenised(config, read_examples(sums))
    plan = plan_for(config, dataset)
    assert plan.parts == 1
    model = load_base(tiny_gemma, plan)
    made = make_trainer(config, plan, model, tokenizer, dataset, tmp_path / "scratch")
    made.create_optimizer()
    made.current_gradient_accumulation_steps = 1  # which the training loop sets
    return made


def step(trainer: Any, batch: dict[str, torch.Tensor], parts: int) -> tuple[float, torch.Tensor]:
    """The loss of one training step and its gradient, as one vector."""
    trainer.parts = parts
    trainer.model.zero_grad()
    loss = float(trainer.training_step(trainer.model, dict(batch)))
    gradients = [p.grad for p in trainer.model.parameters() if p.requires_grad]
    return loss, torch.cat([found.float().flatten() for found in gradients])


def test_parts_change_neither_loss_nor_gradient(trainer: Any) -> None:
    batch = next(iter(trainer.get_train_dataloader()))
    loss, gradient = step(trainer, batch, 1)
    assert gradient.norm() > 0
    for parts in (2, 5, 16):
        again, summed = step(trainer, batch, parts)
        assert again == pytest.approx(loss, rel=2e-3)
        assert torch.cosine_similarity(summed, gradient, dim=0) > 0.999
        assert summed.norm() == pytest.approx(float(gradient.norm()), rel=0.01)


def test_a_step_that_runs_out_of_memory_is_done_again_in_halves(trainer: Any) -> None:
    batch = next(iter(trainer.get_train_dataloader()))
    rows = len(batch["input_ids"])
    loss, gradient = step(trainer, batch, 1)
    counted = trainer._total_train_tokens
    halved: list[int] = []
    trainer.on_halved = halved.append
    compute = trainer.compute_loss

    def in_little_memory(model: Any, inputs: dict[str, Any], **settings: Any) -> Any:
        if len(inputs["input_ids"]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return compute(model, inputs, **settings)

    trainer.compute_loss = in_little_memory
    again, summed = step(trainer, batch, 1)
    assert halved == [rows // 2, rows // 4]
    assert again == pytest.approx(loss, rel=2e-3)
    assert torch.cosine_similarity(summed, gradient, dim=0) > 0.999
    assert trainer._total_train_tokens == 2 * counted, "no token is counted twice"


def test_a_single_row_that_does_not_fit_fails_loudly(trainer: Any) -> None:
    batch = next(iter(trainer.get_train_dataloader()))

    def never(*_arguments: Any, **_settings: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    trainer.compute_loss = never
    with pytest.raises(torch.OutOfMemoryError):
        step(trainer, batch, 1)


def test_a_vision_tower_gets_no_adapter(tmp_path: Path) -> None:
    text = {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    model = AutoModelForCausalLM.from_config(
        Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    )
    config = TrainingConfig(base_model=tmp_path, data=tmp_path, output=tmp_path)
    from peft import get_peft_model

    adapted = get_peft_model(model, lora(config, model))
    names = [name for name, p in adapted.named_parameters() if p.requires_grad]
    assert names
    assert not [name for name in names if "vision" in name or "projector" in name]
    assert lora(config, adapted.get_base_model().model.language_model).exclude_modules is None
