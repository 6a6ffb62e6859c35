"""A padded batch as one row: its examples end to end, no padding left to compute.

As TRL's and transformers' padding-free batches, which only flash attention is offered for; made
here, from the padded batch, so that a batch can still be cut into parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional


@dataclass(frozen=True)
class FlatBatch:
    """N tokens of B examples. `model_inputs` is what the model is called with: input_ids and
    position_ids [1, N], and the examples' bounds [B + 1] under the names that transformers' flash
    attention takes. `targets` [N] is the next token where it has a label, else -100."""

    model_inputs: dict[str, Any]
    targets: torch.Tensor


def end_to_end(inputs: dict[str, Any]) -> FlatBatch:
    """`inputs` (input_ids, labels, attention_mask, each [B, L], padded on the right) as one row."""
    mask = inputs["attention_mask"].bool()
    lengths = mask.sum(-1)
    bounds = functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    longest = int(lengths.max())
    positions = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    targets = functional.pad(inputs["labels"][:, 1:], (0, 1), value=-100)
    return FlatBatch(
        model_inputs={
            "input_ids": inputs["input_ids"][mask][None],
            "position_ids": positions[mask][None],
            "attention_mask": None,
            "cu_seq_lens_q": bounds,
            "cu_seq_lens_k": bounds,
            "max_length_q": longest,
            "max_length_k": longest,
        },
        targets=targets[mask],
    )
