"""The lean gated product against transformers' own, forward and back."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import Gemma3TextConfig
from transformers.models.gemma3.modeling_gemma3 import Gemma3MLP

from ptb_lite.training import lean_gate
from ptb_lite.training.lean_gate import GatedProduct, LeanGemmaMLP, make_gates_lean


def layer(activation: str = "gelu_pytorch_tanh") -> Any:
    torch.manual_seed(0)
    config = Gemma3TextConfig(
        hidden_size=16, intermediate_size=20, hidden_activation=activation, num_hidden_layers=1
    )
    return Gemma3MLP(config)


def results(module: Any, x: torch.Tensor) -> list[torch.Tensor]:
    out = module(x)
    return [out, *torch.autograd.grad(out.square().sum(), [x, *module.parameters()])]


@pytest.mark.parametrize("elements", [1 << 18, 60])
def test_as_transformers(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean_gate, "_ELEMENTS", elements)  # one block, and three with a ragged end
    module = layer()
    x = (4 * torch.randn(1, 8, 16)).requires_grad_()
    theirs = results(module, x)
    names = list(module.state_dict())
    assert make_gates_lean(torch.nn.Sequential(module)) == 1
    assert type(module) is LeanGemmaMLP
    assert list(module.state_dict()) == names
    for one, other in zip(results(module, x), theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_it_is_nearer_to_the_exact_than_in_three_roundings() -> None:
    torch.manual_seed(1)
    gate, up, down = (3 * torch.randn(3, 40, 64).to(torch.bfloat16) for _ in range(3))
    exact, theirs, ours = (
        values(way, gate.to(dtype), up.to(dtype), down.to(dtype))
        for way, dtype in (
            (stock, torch.float64),
            (stock, gate.dtype),
            (GatedProduct.apply, gate.dtype),
        )
    )
    for truth, plain, lean in zip(exact, theirs, ours, strict=True):
        assert lean.dtype == torch.bfloat16
        assert (lean - truth).norm() < (plain - truth).norm()
        assert (lean - truth).norm() < 3e-3 * truth.norm()


def stock(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.gelu(gate, approximate="tanh") * up


def values(
    way: Any, gate: torch.Tensor, up: torch.Tensor, down: torch.Tensor
) -> list[torch.Tensor]:
    gate, up = gate.requires_grad_(), up.requires_grad_()
    out = way(gate, up)
    return [out.detach(), *torch.autograd.grad(out, (gate, up), down)]


def test_large_values_stay_finite() -> None:
    gate = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    up = torch.ones(1, 3, requires_grad=True)
    out = GatedProduct.apply(gate, up)
    out.sum().backward()
    assert out.tolist() == [[1e4, 0.0, 0.0]]
    assert gate.grad.tolist() == [[1.0, 0.0, 0.5]]


def test_another_activation_is_left_alone() -> None:
    assert make_gates_lean(torch.nn.Sequential(layer("silu"), torch.nn.Linear(2, 2))) == 0
