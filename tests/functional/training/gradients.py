"""Gradients of every way to run the layers, group by group, beside those of plain eager float32."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch

COSINE = 0.998
NORM = 0.01


@dataclass(frozen=True)
class Off:
    """How far a group of parameters' gradient is off: cosine, and the ratio of the norms."""

    cosine: float
    norm_ratio: float

    @property
    def within(self) -> bool:
        return self.cosine > COSINE and abs(self.norm_ratio - 1) < NORM


def grouped_gradients(trainer: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The gradient of one batch's loss, one float32 vector for each kind of adapter matrix in each
    layer, on the CPU."""
    model = trainer.model.train()
    model.zero_grad()
    items = (batch["labels"][:, 1:] != -100).sum()
    trainer.training_step(model, dict(batch), items)
    parts = defaultdict(list)
    for name, parameter in sorted(model.named_parameters()):
        if parameter.requires_grad:
            gradient = parameter.grad
            assert gradient is not None, f"{name} has no gradient"
            parts[_group(name)].append(gradient.detach().float().cpu().flatten())
    model.zero_grad()
    return {group: torch.cat(vectors) for group, vectors in parts.items()}


def _group(name: str) -> str:
    """`layers.3.self_attn.q_proj.lora_A` of a parameter's long name."""
    found = re.search(r"layers\.\d+\..*lora_[AB]", name)
    return found[0] if found else name


def compared(ours: dict[str, torch.Tensor], exact: dict[str, torch.Tensor]) -> dict[str, Off]:
    assert ours.keys() == exact.keys()
    return {
        group: Off(
            float(torch.cosine_similarity(ours[group].double(), truth.double(), dim=0)),
            float(ours[group].norm() / truth.norm()),
        )
        for group, truth in exact.items()
    }
