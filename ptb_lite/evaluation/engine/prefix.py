"""What every prompt of a task begins with, such as solved examples, computed once.

The keys and values of the shared tokens are the same for every row, because attention looks back
only. They are put where stock left padding would have put them: a row that is shorter than the
longest has its padding first, so that positions, masks and sliding windows are those of lm-eval.
What does not fit before the common boundary, at most the difference in length, is computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer

# Fewer shared tokens than these save less than the copying costs.
LEAST = 16


def common_prefix(rows: Sequence[list[int]]) -> list[int]:
    """The tokens that all rows begin with, at least one short of the shortest row.

    Compared as tokens, not as text: a tokenizer may merge across the end of a shared text.
    """
    if not rows:
        return []
    # Of sorted rows the first and the last differ the earliest.
    low, high = min(rows), max(rows)
    most = min(map(len, rows)) - 1
    same = 0
    while same < most and low[same] == high[same]:
        same += 1
    return low[:same]


def is_plain(cache: Cache) -> TypeGuard[DynamicCache]:
    """Whether every layer keeps keys and values by position, in full or by a sliding window.

    Others (linear attention, shared or compressed caches) carry what cannot be cut at a token.
    """
    return all(type(layer) in {DynamicLayer, DynamicSlidingWindowLayer} for layer in cache.layers)


def empty_cache(model: PreTrainedModel) -> DynamicCache | None:
    """A cache of the model's own kinds of layers; None where they are not plain."""
    cache = DynamicCache(config=model.config)
    return cache if cache.layers and is_plain(cache) else None


class SharedPrefix:
    """The keys and values of `tokens`, made once, for batches of rows that begin with them."""

    def __init__(self, model: PreTrainedModel, tokens: Sequence[int]) -> None:
        """Runs the model once over one row. The model's caches must be plain (`empty_cache`)."""
        self._model = model
        self.tokens = torch.tensor(tokens, device=model.device)
        # Without the config no layer forgets what lies outside of its window: rows that are
        # shifted need other parts of it. The mask still is the window's.
        cache = DynamicCache()
        model(input_ids=self.tokens[None], past_key_values=cache, logits_to_keep=1)
        self._states = [(layer.keys, layer.values) for layer in cache.layers]

    def __len__(self) -> int:
        return len(self.tokens)

    def begins(self, ids: torch.Tensor, mask: torch.Tensor) -> bool:
        """Whether every left-padded row, (rows, length), begins with the prefix and goes on."""
        size = len(self)
        padding = mask.shape[1] - mask.sum(1)
        if size + int(padding.max()) >= ids.shape[1]:
            return False
        at = padding[:, None] + torch.arange(size, device=ids.device)
        return bool((ids.gather(1, at) == self.tokens).all())

    def cache(self, mask: torch.Tensor) -> DynamicCache:
        """The cache of the first `len(self)` columns of rows padded as `mask` (rows, length) says.

        Layers hold (rows, heads, columns, head size). Padded columns hold the first token's
        states, which the mask hides.
        """
        padding = mask.shape[1] - mask.sum(1)
        made = DynamicCache(config=self._model.config)
        shifted = bool(padding.any())
        columns = torch.arange(len(self), device=mask.device) - padding[:, None]
        columns = columns.clamp_min_(0).to(self._model.device)
        for number, states in enumerate(self._states):
            spread = (
                _shifted(state, columns) if shifted else state.expand(len(mask), -1, -1, -1)
                for state in states
            )
            made.layers[number].update(*spread)
        return made


def _shifted(state: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """(1, heads, tokens, size) and columns (rows, tokens) to (rows, heads, tokens, size)."""
    return state[0].transpose(0, 1)[columns].transpose(1, 2)
