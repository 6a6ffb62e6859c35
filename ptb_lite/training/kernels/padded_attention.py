"""Causal attention over short examples that lie one after another, for the CPU.

Why: torch's fused attention on a CPU takes 7 ms forward and back for a layer of the embedded model
with 8 examples of some 80 tokens, an eighth of a step, though its matmuls take 1 ms; and it needs
the padding in all other layers too. Method: the textbook's (Vaswani et al. 2017, section 3.2.1).
The examples are padded for these matmuls alone; all query heads of one key head are one matmul,
so that keys are not repeated; softmax is in float32, as in torch's own, and the scores are as near
to it (`_scores`); and the probabilities [heads, length, length] are kept for the backward pass,
which is why it is for short examples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from transformers import AttentionInterface

NAME = "ptb_lite_padded"


@dataclass(frozen=True)
class Padding:
    """How B examples of N tokens are padded to the longest one's L and back.

    `take` [B * L] is the token of each padded place, an example's last one where it has no more;
    `real` [N] is the padded place of each token; `later` [group * L, L] is -inf where a key comes
    after the query, else 0. A place past an example's end is after all of its tokens, so no token
    sees one.
    """

    length: int
    take: torch.Tensor
    real: torch.Tensor
    later: torch.Tensor

    def pad(self, x: torch.Tensor, groups: int) -> torch.Tensor:
        """[N, H, D] as [B * groups, L * (H / groups), D]."""
        return self._rows(x.index_select(0, self.take), groups)

    def pad_with_zeros(self, x: torch.Tensor, groups: int) -> torch.Tensor:
        """As `pad`, but what has no token is 0: a gradient that nobody sent."""
        padded = x.new_zeros(len(self.take), *x.shape[1:])
        return self._rows(padded.index_copy_(0, self.real, x), groups)

    def unpad(self, x: torch.Tensor, groups: int) -> torch.Tensor:
        """The inverse of `pad`."""
        by_key = x.view(-1, groups, self.length, x.shape[1] // self.length, x.shape[2])
        return (
            by_key.transpose(1, 2)
            .reshape(len(self.take), -1, x.shape[2])
            .index_select(0, self.real)
        )

    def _rows(self, x: torch.Tensor, groups: int) -> torch.Tensor:
        by_key = x.view(-1, self.length, groups, x.shape[1] // groups, x.shape[2])
        return by_key.transpose(1, 2).reshape(len(by_key) * groups, -1, x.shape[2])


@lru_cache(maxsize=4)
def padding(bounds: tuple[int, ...], group: int) -> Padding:
    """For examples that end at `bounds` (B + 1 of them) and `group` query heads for each key head.

    The layers of a model ask for the same one in turn.
    """
    ends = torch.tensor(bounds)
    lengths = ends.diff()
    longest = int(lengths.max())
    places = torch.arange(longest)
    later = torch.full((longest, longest), -math.inf).triu(1).repeat_interleave(group, 0)
    return Padding(
        length=longest,
        take=(ends[:-1, None] + places.clamp(max=lengths[:, None] - 1)).flatten(),
        real=(places < lengths[:, None]).flatten().nonzero()[:, 0],
        later=later,
    )


class PaddedAttention(torch.autograd.Function):  # type: ignore[misc]
    """Attention of `query` [N, H, D] to `key`, `value` [N, K, D], H a multiple of K, each token to
    those before it in its own example; `bounds` are the examples' B + 1 ends. Returns [N, H, D]."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bounds: tuple[int, ...],
        scaling: float,
    ) -> torch.Tensor:
        groups = key.shape[1]
        padded = padding(bounds, query.shape[1] // groups)
        q, k, v = (padded.pad(x, groups) for x in (query, key, value))
        weights = _scores(q, k).mul_(scaling).add_(padded.later).softmax(-1).to(v.dtype)
        ctx.save_for_backward(q, k, v, weights)
        ctx.padded, ctx.groups, ctx.scaling = padded, groups, scaling
        return padded.unpad(torch.bmm(weights, v), groups)

    @staticmethod
    def backward(
        ctx: Any, grad: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None, None]:
        q, k, v, weights = ctx.saved_tensors
        g = ctx.padded.pad_with_zeros(grad, ctx.groups)
        down = torch.bmm(g, v.transpose(1, 2)).float()
        wide = weights.float()
        down.sub_(torch.linalg.vecdot(down, wide).unsqueeze(-1)).mul_(wide)
        scores = down.mul_(ctx.scaling).to(q.dtype)
        parts = (
            torch.bmm(scores, k),
            torch.bmm(scores.transpose(1, 2), q),
            torch.bmm(weights.transpose(1, 2), g),
        )
        return *(ctx.padded.unpad(part, ctx.groups) for part in parts), None, None


def _scores(q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """q k^T in float32.

    From bfloat16 in two matmuls, the second of which rounds only what the first one rounded away:
    half the time of one in float32, and within 2^-16 of it.
    """
    keys = k.transpose(1, 2)
    high = torch.bmm(q, keys)
    if high.dtype == torch.float32:
        return high
    return high.float().add_(torch.baddbmm(high, q, keys, beta=-1))


def padded_attention(
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
    """`PaddedAttention` behind transformers' interface: `query` [1, H, N, D], others [1, K, N, D].

    Raises ValueError where the batch is not padding-free, or the layer does what this does not.
    """
    if cu_seq_lens_q is None or len(query) != 1:
        raise ValueError("this batch is not padding-free")
    if dropout or (sliding_window and max_length_q > sliding_window):
        raise ValueError("attention by rows knows no dropout and no window below an example")
    scale = module.head_dim**-0.5 if scaling is None else scaling
    given = (x[0].transpose(0, 1) for x in (query, key, value))
    return PaddedAttention.apply(*given, tuple(cu_seq_lens_q.tolist()), scale)[None], None


AttentionInterface.register(NAME, padded_attention)
