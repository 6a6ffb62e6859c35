"""RMS norms of a frozen model in as few passes over the tokens as they need.

Why: transformers spells the norm out, and autograd keeps two float32 copies of its input and goes
through a dozen arrays in the backward pass, which on a CPU costs as much as a matmul. Here the
backward pass is written out, and keeps the input as it is and one number a token. Not for
torch.compile, which fuses transformers' own and differentiates this one wrongly (torch 2.11).
The forward pass rounds where transformers' rounds (Zhang and Sennrich 2019, equation 4).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.models.gemma3.modeling_gemma3 import Gemma3RMSNorm
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm
from transformers.models.smollm3.modeling_smollm3 import SmolLM3RMSNorm


class FrozenNorm(torch.autograd.Function):  # type: ignore[misc]
    """x / sqrt(mean(x^2) + eps) * scale over the last axis, in float32, returned in x's dtype.

    `scale` [D] gets no gradient. In its own dtype it multiplies what was rounded to x's dtype, as
    in Llama; in float32 what was not, as in Gemma.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor, eps: float) -> torch.Tensor:
        wide = x.float()
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, scale, inverse)
        return (wide * inverse).to(scale.dtype).mul_(scale).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, scale, inverse = ctx.saved_tensors
        wide = x.float()
        down = _copied(grad).mul_(scale)
        along = torch.linalg.vecdot(down, wide).unsqueeze(-1)
        along.mul_(inverse**3).div_(-x.shape[-1])
        return down.mul_(inverse).addcmul_(wide, along).to(x.dtype), None, None


def _copied(x: torch.Tensor) -> torch.Tensor:
    """In float32, not the tensor itself."""
    return x.to(torch.float32, copy=True)


class FusedGemmaNorm(Gemma3RMSNorm):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return FrozenNorm.apply(x, 1.0 + self.weight.float(), self.eps)


class FusedLlamaNorm(LlamaRMSNorm):  # type: ignore[misc]
    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return FrozenNorm.apply(hidden_states, self.weight, self.variance_epsilon)


FUSED = {
    Gemma3RMSNorm: FusedGemmaNorm,
    LlamaRMSNorm: FusedLlamaNorm,
    Qwen3RMSNorm: FusedLlamaNorm,
    SmolLM3RMSNorm: FusedLlamaNorm,
}


def fuse_norms(model: Any) -> int:
    """Turn the frozen norms of the kinds in `FUSED` into fused ones, in place; how many."""
    suited = [m for m in model.modules() if type(m) in FUSED and not m.weight.requires_grad]
    for module in suited:
        module.__class__ = FUSED[type(module)]
    return len(suited)
