"""Sizes of random models that are made in a moment, and a padded batch for them."""

from __future__ import annotations

from typing import Any

import torch

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
LENGTHS = (9, 3, 12, 1)


def padded_batch(device: str = "cpu") -> dict[str, torch.Tensor]:
    """Examples of `LENGTHS` tokens, each tensor [4, 12], padded on the right."""
    torch.manual_seed(0)
    mask = torch.tensor([[1] * n + [0] * (max(LENGTHS) - n) for n in LENGTHS])
    ids = torch.randint(2, 60, mask.shape) * mask
    given = {"input_ids": ids, "attention_mask": mask, "labels": ids}
    return {name: tensor.to(device) for name, tensor in given.items()}
