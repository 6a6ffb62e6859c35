"""Causal attention over short examples that lie end to end, for the processor.

Why: torch's fused attention on a CPU takes 8 ms forward and back for a layer of the embedded model
with 8 examples of some 80 tokens, an eighth of a step, though its products take 1 ms; and it needs
the padding. Method: the textbook's (Vaswani et al. 2017, section 3.2.1), an example at a time. All
query heads of one key head are one product, so that keys are not repeated; scores and softmax are
float32 as in torch's own, the other products in the dtype of the values; and the probabilities
[heads, length, length] are kept for the backward pass, which is why it is for short examples.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from transformers import AttentionInterface

NAME = "ptb_lite_rows"


class RowAttention(torch.autograd.Function):  # type: ignore[misc]
    """Attention of `query` [H, N, D] to `key`, `value` [K, N, D], H a multiple of K, each token to
    those before it in its own example; `bounds` are the examples' B + 1 ends. Returns [N, H, D]."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bounds: list[int],
        scaling: float,
    ) -> torch.Tensor:
        heads, tokens, width = query.shape
        out = query.new_empty(tokens, heads, width)
        kept = []
        for start, end in pairwise(bounds):
            length = end - start
            q, k, v = (_grouped(x[:, start:end], len(key)) for x in (query, key, value))
            scores = torch.bmm(q.float(), k.float().transpose(1, 2)).mul_(scaling)
            later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
            scores.view(heads, length, length).masked_fill_(later, -math.inf)
            kept.append(scores.softmax(-1).to(v.dtype))
            attended = torch.bmm(kept[-1], v).view(heads, length, width)
            out[start:end] = attended.transpose(0, 1)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.bounds, ctx.scaling = bounds, scaling
        return out

    @staticmethod
    def backward(
        ctx: Any, grad: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None, None]:
        query, key, value, *kept = ctx.saved_tensors
        grads = tuple(torch.empty_like(x) for x in (query, key, value))
        for (start, end), weights in zip(pairwise(ctx.bounds), kept, strict=True):
            q, k, v = (_grouped(x[:, start:end], len(key)) for x in (query, key, value))
            g = _grouped(grad[start:end].transpose(0, 1), len(key))
            down = torch.bmm(g, v.transpose(1, 2)).float()
            down -= (down * weights).sum(-1, keepdim=True)
            scores = down.mul_(weights).mul_(ctx.scaling).to(q.dtype)
            parts = (
                torch.bmm(scores, k),
                torch.bmm(scores.transpose(1, 2), q),
                torch.bmm(weights.transpose(1, 2), g),
            )
            for whole, part in zip(grads, parts, strict=True):
                whole[:, start:end] = part.view(len(whole), end - start, -1)
        return *grads, None, None


def _grouped(x: torch.Tensor, groups: int) -> torch.Tensor:
    """[heads, length, D] as [groups, heads / groups * length, D]."""
    return x.reshape(groups, -1, x.shape[-1])


def row_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    _mask: Any,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0,
    **_others: Any,
) -> tuple[torch.Tensor, None]:
    """`RowAttention` behind transformers' interface: `query` [1, H, N, D], the others [1, K, N, D].

    Raises ValueError where the batch is not laid end to end, or the layer does what this does not.
    """
    if cu_seq_lens_q is None or len(query) != 1:
        raise ValueError("the examples of this batch do not lie end to end")
    if dropout or (sliding_window and max_length_q > sliding_window):
        raise ValueError("attention by rows knows no dropout and no window below an example")
    scale = module.head_dim**-0.5 if scaling is None else scaling
    bounds = cu_seq_lens_q.tolist()
    return RowAttention.apply(query[0], key[0], value[0], bounds, scale)[None], None


AttentionInterface.register(NAME, row_attention)
