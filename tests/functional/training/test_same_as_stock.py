"""The override changes the speed, not the loss."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from ptb_lite.training.base import load_base
from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.data import read_examples
from ptb_lite.training.kernels.fused_lora import FusedLoraLinear
from ptb_lite.training.planning.capability import _cpu_multiplies_bfloat16
from ptb_lite.training.planning.plan import TrainingPlan
from ptb_lite.training.supervised_head import SupervisedHeadTrainer
from ptb_lite.training.train import make_trainer, plan_for, tokenised
from tests.functional.training.stock import batch_losses, copy_adapter, gradient, stock_trainer

# Stock computes in bfloat16 everywhere, ours only where the CPU multiplies it.
IN_BFLOAT16 = pytest.mark.skipif(
    not _cpu_multiplies_bfloat16(),
    reason="this CPU has no bfloat16 matmuls, so ours is planned in float32",
)


@dataclass(frozen=True)
class Compared:
    """Trainers of one model in NF4 with one adapter, on batches that stock TRL made.

    `plain` is padded, with torch's attention and PEFT's layers: stock but for the head; `chosen` is
    what the plan says for this machine; `exact` is `plain`, and `chosen_exact` is `chosen`, in
    float32 on the same NF4-rounded weights.
    """

    stock: Any
    plain: Any
    chosen: Any
    exact: Any
    chosen_exact: Any
    batches: list[dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def compared(tiny_gemma: Path, sums: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    place = tmp_path_factory.mktemp("compared")
    config = TrainingConfig(
        base_model=tiny_gemma, data=sums, output=place / "out", steps=1, quantization="nf4"
    )
    examples = read_examples(sums)
    tokenizer, dataset = tokenised(config, examples)
    chosen = plan_for(config, dataset)
    assert chosen.attention == "ptb_lite_padded"
    assert chosen.padding_free
    assert chosen.fused
    plain = replace(chosen, attention="sdpa", padding_free=False, fused=False)
    stock = stock_trainer(tiny_gemma, examples, place / "stock", batch_size=16, steps=1)

    def ours(plan: TrainingPlan, *, exact: bool = False) -> Any:
        base = load_base(tiny_gemma, plan)
        if exact:
            base, plan = base.float(), replace(plan, dtype="float32")
        return make_trainer(config, plan, base, tokenizer, dataset, place / "scratch")

    trainers = ours(plain), ours(chosen), ours(plain, exact=True), ours(chosen, exact=True)
    adapter = copy_adapter(stock, *trainers)
    assert adapter
    batches = [batch for batch, _ in zip(stock.get_train_dataloader(), range(6), strict=False)]
    plain_one, chosen_one, exact, chosen_exact = trainers
    return Compared(stock, plain_one, chosen_one, exact, chosen_exact, batches)


@IN_BFLOAT16
def test_losses_agree_to_a_thousandth(compared: Compared) -> None:
    assert isinstance(compared.plain, SupervisedHeadTrainer)
    expected = batch_losses(compared.stock, compared.batches)
    assert batch_losses(compared.plain, compared.batches) == pytest.approx(expected, abs=1e-3)
    assert max(expected) - min(expected) > 1e-2, "batches that differ, or this shows nothing"
    assert_same_direction(compared.plain, compared.stock, compared.batches[0], 0.999)


def test_what_was_planned_is_what_runs(compared: Compared) -> None:
    for trainer, attention in ((compared.plain, "sdpa"), (compared.chosen, "ptb_lite_padded")):
        model = trainer.model.get_base_model()
        assert model.config._attn_implementation == attention
        fused = [m for m in model.modules() if isinstance(m, FusedLoraLinear)]
        assert len(fused) == (0 if attention == "sdpa" else 7 * model.config.num_hidden_layers)


def test_the_chosen_way_computes_the_same_in_float32(compared: Compared) -> None:
    expected = batch_losses(compared.exact, compared.batches)
    found = batch_losses(compared.chosen_exact, compared.batches)
    assert found == pytest.approx(expected, abs=1e-4)
    for batch in compared.batches:
        assert_same_direction(compared.chosen_exact, compared.exact, batch, 1 - 1e-6)


def test_the_chosen_way_rounds_no_worse_than_stock(compared: Compared) -> None:
    """Both compute in bfloat16, in another order: the distance to float32 is each one's own."""
    truth = torch.tensor(batch_losses(compared.exact, compared.batches))
    theirs, ours = (
        (torch.tensor(batch_losses(trainer, compared.batches)) - truth).square().mean().sqrt()
        for trainer in (compared.stock, compared.chosen)
    )
    assert ours < 2 * theirs
    assert ours < 1e-3 * truth.mean()
    for batch in compared.batches:
        exact = gradient(compared.exact, batch)
        theirs, ours = (
            (gradient(trainer, batch) - exact).norm() / exact.norm()
            for trainer in (compared.stock, compared.chosen)
        )
        assert ours < 1.25 * theirs
        assert ours < 0.01


def assert_same_direction(
    one: Any, other: Any, batch: dict[str, torch.Tensor], cosine: float
) -> None:
    # Stock keeps the adapter and its gradient in bfloat16, ours in float32.
    ours, theirs = gradient(one, batch), gradient(other, batch)
    assert torch.cosine_similarity(ours.double(), theirs.double(), dim=0) > cosine
    assert ours.norm() == pytest.approx(float(theirs.norm()), rel=0.01)


@IN_BFLOAT16
def test_unpacked_layers_hold_the_numbers_that_the_packed_ones_multiply_with(
    tiny_gemma: Path, sums: Path, tmp_path: Path
) -> None:
    config = TrainingConfig(
        base_model=tiny_gemma, data=sums, output=tmp_path / "out", quantization="nf4"
    )
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
