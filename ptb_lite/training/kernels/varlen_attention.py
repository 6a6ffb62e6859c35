"""Causal attention over examples that lie one after another, for a GPU: torch's own flash kernel.

Why: the attention that transformers offers for such batches is a package that has to be compiled;
torch carries a kernel of the same family (Dao 2023, FlashAttention-2) and has given it an interface
since 2.10. Examples are kept apart by their bounds, key heads are not repeated, and nothing is kept
that grows with the square of an example.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch.nn.attention import varlen
from transformers import AttentionInterface

NAME = "ptb_lite_varlen"
# Heads of another number for keys than for queries have to be asked for since torch 2.12.
_GROUPS = (
    {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen.varlen_attn).parameters else {}
)


def varlen_attention(
    _module: Any,
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
    """Attention of `query` [1, H, N, D] to `key`, `value` [1, K, N, D], H a multiple of K, each
    token to those before it in its own example, of a window the last `sliding_window` ones, itself
    included; `cu_seq_lens_q` [B + 1] are the examples' ends. Returns ([1, N, H, D], None).

    `scaling` None is 1 / sqrt(D). Raises ValueError where the batch is not padding-free, or the
    layer drops out; RuntimeError, by the kernel, for numbers of more than 16 bits.
    """
    if cu_seq_lens_q is None or len(query) != 1:
        raise ValueError("this batch is not padding-free")
    if dropout:
        raise ValueError("torch's attention over padding-free batches knows no dropout")
    window = sliding_window or 0
    attended = varlen.varlen_attn(
        *(states[0].transpose(0, 1) for states in (query, key, value)),
        cu_seq_lens_q,
        cu_seq_lens_q,
        max_length_q,
        max_length_q,
        scale=scaling,
        # Tokens before a token, and after it, that it attends to; -1: all of them.
        window_size=(window - 1 if 0 < window < max_length_q else -1, 0),
        **_GROUPS,
    )
    return attended[None], None


AttentionInterface.register(NAME, varlen_attention)
