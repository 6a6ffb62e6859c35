"""What a training step must at least compute, and how fast this GPU multiplies."""

from __future__ import annotations

import time

import torch

from ptb_lite.training.planning.cost import ModelShape


def bfloat16_rate(size: int = 8192, products: int = 20) -> float:
    """Operations a second of a dense bfloat16 product of size x size, random data."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(products):
        a @ b
    torch.cuda.synchronize()
    return products * 2 * size**3 / (time.perf_counter() - began)


def step_operations(shape: ModelShape, *, tokens: int, sequence: int, supervised: int) -> float:
    """Operations of one QLoRA step with nothing computed twice.

    Frozen linear layers: one product forward, one for the gradient of the input, at 2 operations a
    weight and token; causal attention: 2 products of sequence x sequence / 2 forward and 4 back
    (Dao 2023, FlashAttention-2, section 4.1, without its recomputation); the head at the supervised
    positions, forward and back. The adapter is left out: it is 1 % of it.
    """
    linear = 4.0 * shape.linear * tokens
    width = shape.attention or shape.hidden
    attention = shape.layers * 6 * 2 * tokens * (sequence / 2) * width
    head = 4.0 * supervised * shape.vocabulary * shape.hidden
    return linear + attention + head
