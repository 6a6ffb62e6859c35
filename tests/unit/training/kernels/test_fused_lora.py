"""The fused layer multiplies what PEFT's multiplies."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from ptb_lite.training.kernels.fused_lora import FusedLoraLinear, fuse_lora


class Two(torch.nn.Module):
    def __init__(self, *, bias: bool = False) -> None:
        super().__init__()
        self.first = torch.nn.Linear(12, 20, bias=bias)
        self.second = torch.nn.Linear(20, 7, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


def adapted(*, bias: bool = False, **settings: Any) -> Any:
    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=12, target_modules=["first", "second"], **settings)
    model = get_peft_model(Two(bias=bias), config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return model


def results(model: Any, x: torch.Tensor) -> list[torch.Tensor]:
    out = model(x)
    wanted = [x, *(p for p in model.parameters() if p.requires_grad)]
    return [out, *torch.autograd.grad(out.square().sum(), wanted)]


@pytest.mark.parametrize("shape", [(5, 12), (2, 3, 12)])
def test_output_and_gradients_are_those_of_peft(shape: tuple[int, ...]) -> None:
    model = adapted()
    x = torch.randn(shape, requires_grad=True)
    theirs = results(model, x)
    names = set(model.state_dict())
    assert fuse_lora(model) == 2
    for one, other in zip(results(model, x), theirs, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
    assert set(model.state_dict()) == names


def test_without_its_adapter_it_is_the_base() -> None:
    model = adapted()
    x = torch.randn(3, 12)
    with model.disable_adapter():
        base = model(x)
    fuse_lora(model)
    with model.disable_adapter():
        assert torch.equal(model(x), base)
    assert not torch.allclose(model(x), base)


@pytest.mark.parametrize(
    "settings", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True, "bias": True}]
)
def test_layers_that_do_more_are_left_alone(settings: dict[str, Any]) -> None:
    model = adapted(**settings)
    fused = fuse_lora(model)
    assert fused == sum(isinstance(module, FusedLoraLinear) for module in model.modules())
    assert fused == 0
