from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from ptb_lite.training import supervised_head
from ptb_lite.training.supervised_head import FrozenHeadLoss, can_override


@pytest.mark.parametrize("count", [1, 5, 12])
def test_loss_and_gradient_are_those_of_cross_entropy(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised_head, "ROWS", 5)  # one chunk, a full one, and a ragged end
    torch.manual_seed(0)
    weight = torch.randn(50, 8)
    labels = torch.randint(0, 50, (count,))
    ours = torch.randn(count, 8, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    total, correct = FrozenHeadLoss.apply(ours, weight, labels)
    (total / 7).backward()
    logits = functional.linear(theirs, weight)
    expected = functional.cross_entropy(logits, labels, reduction="sum")
    (expected / 7).backward()
    assert torch.allclose(total, expected, atol=1e-4)
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)
    assert correct == (logits.argmax(-1) == labels).sum()


def test_large_logits_stay_finite() -> None:
    hidden = torch.tensor([[1e4, 0.0]], requires_grad=True)
    weight = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    total, _ = FrozenHeadLoss.apply(hidden, weight, torch.tensor([0]))
    assert total.item() == pytest.approx(0.0)
    unlikely, _ = FrozenHeadLoss.apply(hidden, weight, torch.tensor([1]))
    assert unlikely.item() == pytest.approx(2e4)


def test_a_batch_without_labels_costs_nothing_and_has_a_gradient_of_zero() -> None:
    hidden = torch.randn(3, 4, requires_grad=True)
    none = torch.zeros(3, dtype=torch.bool)
    total, correct = FrozenHeadLoss.apply(
        hidden[none], torch.randn(9, 4), torch.zeros(0, dtype=torch.long)
    )
    total.backward()
    assert total.item() == 0
    assert correct.item() == 0
    assert torch.equal(hidden.grad, torch.zeros(3, 4))


def fake_model(
    *, bias: object = None, weight: torch.Tensor | None = None, **config: object
) -> object:
    head = SimpleNamespace(bias=bias, weight=torch.zeros(2, 2) if weight is None else weight)
    settings = SimpleNamespace(**config)
    settings.get_text_config = lambda: settings
    return SimpleNamespace(get_output_embeddings=lambda: head, config=settings)


def test_applies_to_a_plain_head() -> None:
    assert can_override(fake_model(final_logit_softcapping=None, logit_scale=1.0)) is None


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (fake_model(bias=torch.zeros(2)), "bias"),
        (fake_model(weight=torch.zeros(2, 2, dtype=torch.uint8)), "quantised"),
        (fake_model(final_logit_softcapping=30.0), "final_logit_softcapping"),
        (fake_model(logits_scaling=8.0), "logits_scaling"),
    ],
)
def test_says_why_it_does_not_apply(model: object, reason: str) -> None:
    assert reason in (can_override(model) or "")
