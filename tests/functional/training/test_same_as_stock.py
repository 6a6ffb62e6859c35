"""The override changes the speed, not the loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import read_examples
from ptb_lite.training.supervised_head import SupervisedHeadTrainer
from ptb_lite.training.train import make_trainer, plan_for, tokenised
from tests.functional.training.stock import batch_losses, copy_adapter, gradient, stock_trainer


def test_losses_agree_to_a_thousandth(tiny_gemma: Path, sums: Path, tmp_path: Path) -> None:
    config = TrainingConfig(base_model=tiny_gemma, data=sums, output=tmp_path / "out", steps=1)
    examples = read_examples(sums)
    tokenizer, dataset = tokenised(config, examples)
    plan = plan_for(config, dataset)
    ours = make_trainer(
        config, plan, load_base(tiny_gemma, plan), tokenizer, dataset, tmp_path / "scratch"
    )
    assert isinstance(ours, SupervisedHeadTrainer)
    theirs = stock_trainer(tiny_gemma, examples, tmp_path / "stock", batch_size=16, steps=1)
    copy_adapter(theirs, ours)
    batches = [batch for batch, _ in zip(theirs.get_train_dataloader(), range(4), strict=False)]
    expected = batch_losses(theirs, batches)
    assert batch_losses(ours, batches) == pytest.approx(expected, abs=1e-3)
    assert max(expected) - min(expected) > 1e-2, "batches that differ, or this shows nothing"
    theirs_down, ours_down = gradient(theirs, batches[0]), gradient(ours, batches[0])
    # Stock keeps the adapter and its gradient in bfloat16, ours in float32.
    assert torch.cosine_similarity(ours_down, theirs_down, dim=0) > 0.999
    assert ours_down.norm() == pytest.approx(float(theirs_down.norm()), rel=0.01)


def test_unpacked_layers_hold_the_numbers_that_the_packed_ones_multiply_with(
    tiny_gemma: Path, sums: Path, tmp_path: Path
) -> None:
    config = TrainingConfig(base_model=tiny_gemma, data=sums, output=tmp_path / "out")
    plan = plan_for(config, tokenised(config, read_examples(sums))[1])
    assert plan.unpack_once
    unpacked = load_base(tiny_gemma, plan)
    theirs = stock_trainer(tiny_gemma, read_examples(sums), tmp_path, batch_size=1, steps=1)
    # In evaluation bitsandbytes may use a fused kernel that rounds elsewhere; training unpacks.
    theirs.model.train()
    packed = theirs.model.get_base_model().model.layers[0].mlp.up_proj.base_layer
    plain = unpacked.model.layers[0].mlp.up_proj
    assert "4bit" in type(packed).__name__
    assert type(plain) is torch.nn.Linear
    everything = torch.eye(64, dtype=torch.bfloat16, requires_grad=True)
    assert torch.equal(packed(everything), plain(everything))
