"""A padded batch as one row: its examples one after another, no padding left to compute.

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


def flatten(inputs: dict[str, Any], *, multiple: int = 0, longest: int = 0) -> FlatBatch:
    """`inputs` (input_ids, labels, attention_mask, each [B, L], padded on the right) as one row.

    With `multiple` the row is filled up to a multiple of so many tokens by one more example, which
    has no label, and `longest` is given as the longest example's length: compiled kernels are made
    for each size, so there should be few.
    """
    mask = inputs["attention_mask"].bool()
    lengths = mask.sum(-1)
    positions = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)[mask]
    ids, targets = (
        inputs["input_ids"][mask],
        functional.pad(inputs["labels"][:, 1:], (0, 1), value=-100)[mask],
    )
    if multiple:
        filled = -len(ids) % multiple
        lengths = functional.pad(lengths, (0, 1), value=filled)
        ids = functional.pad(ids, (0, filled))
        targets = functional.pad(targets, (0, filled), value=-100)
        positions = torch.cat([positions, torch.arange(filled, device=mask.device)])
        longest = max(longest, multiple)
    else:
        longest = int(lengths.max())
    bounds = functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    return FlatBatch(
        model_inputs={
            "input_ids": ids[None],
            "position_ids": positions[None],
            "attention_mask": None,
            "cu_seq_lens_q": bounds,
            "cu_seq_lens_k": bounds,
            "max_length_q": longest,
            "max_length_k": longest,
        },
        targets=targets,
    )
