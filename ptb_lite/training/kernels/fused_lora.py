"""A linear layer and its LoRA adapter in as few passes over the tokens as there are matmuls.

Why: PEFT's layer writes the adapter's output, its scaled copy and the sum, each [tokens, outputs],
and the backward pass reads and writes them again: an eighth of a step on a CPU. Here the scale is
put on the [tokens, rank] side and the adapter's output is added by the matmul itself. The loss is
the same but for that rounding (PEFT rounds the adapter's output before it adds). Under
torch.compile the same formula is left to autograd, and the compiler fuses it.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch.nn import functional


class FusedLora(torch.autograd.Function):  # type: ignore[misc]
    """x W^T + scaling (x A^T) B^T for `x` [..., I], frozen W [O, I], A [R, I], B [O, R].

    All matmuls are in the dtype of W; A and B get gradients in their own.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        a_cast, b_cast = a.to(weight.dtype), b.to(weight.dtype)
        low = functional.linear(rows, a_cast).mul_(scaling)
        out = functional.linear(rows, weight).addmm_(low, b_cast.t())
        ctx.save_for_backward(rows, weight, a_cast, b_cast, low)
        ctx.scaling, ctx.shape, ctx.dtypes = scaling, x.shape, (x.dtype, a.dtype, b.dtype)
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, a, b, low = ctx.saved_tensors
        x_dtype, a_dtype, b_dtype = ctx.dtypes
        grad = grad.reshape(-1, grad.shape[-1])
        down = (grad @ b).mul_(ctx.scaling)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (grad @ weight).addmm_(down, a).view(ctx.shape).to(x_dtype)
        grad_a = (down.t() @ rows).to(a_dtype)
        grad_b = (grad.t() @ low).to(b_dtype)
        return grad_x, None, grad_a, grad_b, None


class FusedLoraLinear(Linear):  # type: ignore[misc]
    """PEFT's layer with one adapter and nothing else between input and output."""

    def forward(self, x: torch.Tensor, *_args: Any, **_kwargs: Any) -> torch.Tensor:
        if self.disable_adapters or self.merged:
            return super().forward(x)
        (name,) = self.active_adapters
        weight, a, b = self.base_layer.weight, self.lora_A[name].weight, self.lora_B[name].weight
        if torch.compiler.is_compiling():
            return _formula(x, weight, a, b, self.scaling[name])
        return FusedLora.apply(x, weight, a, b, self.scaling[name])


def _formula(
    x: torch.Tensor, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scaling: float
) -> torch.Tensor:
    x = x.to(weight.dtype)
    low = functional.linear(x, a.to(weight.dtype)) * scaling
    return functional.linear(x, weight) + functional.linear(low, b.to(weight.dtype))


def fuse_lora(model: Any) -> int:
    """Turn the layers that `FusedLoraLinear` suits into such, in place; how many there were."""
    suited = [module for module in model.modules() if _suits(module)]
    for module in suited:
        module.__class__ = FusedLoraLinear
    return len(suited)


def unfuse_lora(model: Any) -> int:
    """Undo `fuse_lora`; how many layers were fused."""
    fused = [module for module in model.modules() if type(module) is FusedLoraLinear]
    for module in fused:
        module.__class__ = Linear
    return len(fused)


def _suits(module: Any) -> bool:
    return (
        type(module) is Linear
        and type(module.base_layer) is torch.nn.Linear
        and module.base_layer.bias is None
        and not module.base_layer.weight.requires_grad
        and not module.fan_in_fan_out
        and not module.lora_variant
        and len(module.active_adapters) == 1
        and all(type(drop) is torch.nn.Identity for drop in module.lora_dropout.values())
        and all(b.bias is None for b in module.lora_B.values())
    )
