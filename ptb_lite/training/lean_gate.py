"""Gemma's gated product, `gelu(gate) * up`, and its way back.

Why: autograd keeps the gate, its activation and the other factor, each [tokens, intermediate], the
largest arrays of a step, and torch's tanh form of GELU takes as long as a small product. Here the
activation is made again on the way back and not kept, and is written with a sigmoid, since
tanh(u) = 2 sigmoid(2u) - 1, a block of rows at a time so that the processor's cache holds it
through all passes:

    gelu(x) = x sigmoid(z(x))            z(x) = 2 sqrt(2 / pi) (x + 0.044715 x^3)

(Hendrycks and Gimpel 2016, section 2.) Activations that torch makes in one fast pass, as SiLU, are
left alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from transformers.activations import GELUTanh
from transformers.models.gemma3.modeling_gemma3 import Gemma3MLP

_SLOPE = 2 * math.sqrt(2 / math.pi)
_CUBE = 0.044715 * _SLOPE
# 128 rows of 2,048 float32 are 1 MB.
_ELEMENTS = 1 << 18


class GatedProduct(torch.autograd.Function):  # type: ignore[misc]
    """gelu(`gate`) * `up`, both [..., I]; computed in float32, returned in their dtype."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        out = torch.empty_like(gate, memory_format=torch.contiguous_format)
        for made, x, other in _blocks(out, gate, up):
            wide = x.float()
            made.copy_(_share(wide, wide.square()).mul_(wide).mul_(other))
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        down_gate, down_up = torch.empty_like(gate), torch.empty_like(up)
        for to_gate, to_up, x, other, given in _blocks(down_gate, down_up, gate, up, grad):
            wide, down = x.float(), given.float()
            square = wide.square()
            share = _share(wide, square)
            rising = _line(square, _SLOPE, 3 * _CUBE).mul_(wide)
            slope = torch.ops.aten.sigmoid_backward(rising, share).add_(share)
            to_gate.copy_(slope.mul_(down).mul_(other))
            to_up.copy_(share.mul_(wide).mul_(down))
        return down_gate, down_up


def _share(x: torch.Tensor, square: torch.Tensor) -> torch.Tensor:
    """sigmoid(z(x)), given x and its square."""
    return _line(square, _SLOPE, _CUBE).mul_(x).sigmoid_()


def _line(x: torch.Tensor, start: float, rise: float) -> torch.Tensor:
    """start + rise * x in one pass."""
    return torch.add(x.new_tensor(start), x, alpha=rise)


def _blocks(*arrays: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """The same rows of each array [..., I], some at a time; views, to be read or written."""
    width = arrays[0].shape[-1]
    rows = max(1, _ELEMENTS // width)
    return zip(*(array.view(-1, width).split(rows) for array in arrays), strict=True)


class LeanGemmaMLP(Gemma3MLP):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(GatedProduct.apply(self.gate_proj(x), self.up_proj(x)))


def make_gates_lean(model: Any) -> int:
    """Turn Gemma's feed-forward layers with that activation into lean ones, in place; how many."""
    suited = [m for m in model.modules() if type(m) is Gemma3MLP and type(m.act_fn) is GELUTanh]
    for module in suited:
        module.__class__ = LeanGemmaMLP
    return len(suited)
