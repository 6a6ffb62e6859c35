"""What a training step must multiply, and how long this CPU takes for just that."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import LoraLayer

REPEATS = 9


@dataclass(frozen=True)
class Floor:
    """`operations` (2 for each multiplication and addition) of all products of a step, and the
    seconds that they take one after the other, each at the rate measured at its own shape."""

    operations: float
    seconds: float

    @property
    def rate(self) -> float:
        return self.operations / self.seconds


def step_products(
    model: Any, lengths: Sequence[int], supervised: int
) -> Counter[tuple[int, int, int]]:
    """(rows, inner, columns) of every product of one LoRA step, nothing computed twice.

    The tokens are those of `lengths`, no padding. A frozen layer: forward, and the gradient of its
    input; its adapter: two forward, and four back. Layers that read the embeddings need no gradient
    of their input. Attention of each example: scores and their use forward, four back. The head at
    the supervised positions: forward and back.
    """
    tokens = sum(lengths)
    made: Counter[tuple[int, int, int]] = Counter()
    config = model.config.get_text_config()
    first = {f"layers.0.self_attn.{name}_proj" for name in "qkv"}
    for name, layer in model.named_modules():
        if not isinstance(layer, LoraLayer):
            continue
        inputs, outputs, rank = layer.in_features, layer.out_features, layer.r["default"]
        below = not any(name.endswith(one) for one in first)
        made[tokens, inputs, outputs] += 1
        made[tokens, outputs, inputs] += below
        made[tokens, inputs, rank] += 1
        made[tokens, rank, outputs] += 1
        made[tokens, outputs, rank] += 1
        made[rank, tokens, inputs] += 1
        made[outputs, tokens, rank] += 1
        made[tokens, rank, inputs] += below
    width = config.head_dim
    for length in lengths:
        rows = config.num_attention_heads * length
        made[rows, width, length] += 2 * config.num_hidden_layers
        made[rows, length, width] += 2 * config.num_hidden_layers
        made[length, rows, width] += 2 * config.num_hidden_layers
    made[supervised, config.hidden_size, config.vocab_size] += 1
    made[supervised, config.vocab_size, config.hidden_size] += 1
    return +made


def measured_floor(products: Counter[tuple[int, int, int]]) -> Floor:
    """Each shape's product measured in bfloat16, warm, the median of several."""
    seconds = sum(times * _seconds(*shape) for shape, times in products.items())
    operations = sum(2.0 * m * k * n * times for (m, k, n), times in products.items())
    return Floor(operations, seconds)


def _seconds(rows: int, inner: int, columns: int) -> float:
    a = torch.randn(rows, inner).to(torch.bfloat16)
    b = torch.randn(columns, inner).to(torch.bfloat16)
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        torch.nn.functional.linear(a, b)
        found.append(time.perf_counter() - began)
    return statistics.median(found[2:])
