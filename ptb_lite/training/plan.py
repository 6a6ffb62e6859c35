"""How a training run is carried out on this machine: a pure choice by capability, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dtype = Literal["bfloat16", "float32"]

# Share of the free memory that a run may plan to use: estimates are estimates.
MEMORY_SHARE = 0.6


@dataclass(frozen=True)
class Capability:
    """What the machine offers: the device, its free memory in bytes, and whether it multiplies
    bfloat16 in hardware (a GPU since Ampere; a CPU with AVX512-BF16, AMX or their like)."""

    device: Literal["cpu", "cuda"]
    memory_free: int
    fast_bfloat16: bool


@dataclass(frozen=True)
class ModelShape:
    """The sizes that decide memory. `linear` counts weights of linear layers, the head excepted;
    `parameters` counts all; `layers`, `hidden`, `intermediate` as in config.json."""

    parameters: int
    linear: int
    layers: int
    hidden: int
    intermediate: int


@dataclass(frozen=True)
class TrainingPlan:
    """The choices of one run and, in `reasons`, why each was made (one sentence each).

    `unpack_once`: the NF4 weights are rounded to NF4 and then kept unpacked in `dtype`, instead of
    being unpacked again for each product; the numbers multiplied are the same.
    """

    device: Literal["cpu", "cuda"]
    dtype: Dtype
    quantise: bool
    unpack_once: bool
    gradient_checkpointing: bool
    reasons: tuple[str, ...]


def choose_plan(
    capability: Capability, shape: ModelShape, *, nf4: bool, batch_tokens: int
) -> TrainingPlan:
    """The fastest way to run that fits; `batch_tokens` is batch size times longest example."""
    reasons = []
    dtype: Dtype = "bfloat16" if capability.fast_bfloat16 else "float32"
    reasons.append(
        f"{dtype} because the {capability.device} "
        f"{'multiplies' if capability.fast_bfloat16 else 'does not multiply'} bfloat16 in hardware"
    )
    width = 2 if dtype == "bfloat16" else 4
    budget = int(capability.memory_free * MEMORY_SHARE)
    packed = (shape.parameters - shape.linear) * width + shape.linear // 2 + shape.linear // 16
    plain = shape.parameters * width
    unpack = nf4 and plain <= budget
    if nf4:
        reasons.append(
            f"NF4 weights {'unpacked once' if unpack else 'unpacked for each product'}: unpacked "
            f"the model takes {_gb(plain)} of the {_gb(budget)} that may be used"
        )
    weights = packed if nf4 and not unpack else plain
    kept = activation_bytes(shape, batch_tokens, width)
    checkpoint = weights + kept > budget
    reasons.append(
        f"gradient checkpointing {'on' if checkpoint else 'off'}: keeping all activations takes "
        f"{_gb(kept)} beside {_gb(weights)} of weights, {_gb(budget)} may be used"
    )
    return TrainingPlan(
        device=capability.device,
        dtype=dtype,
        quantise=nf4,
        unpack_once=unpack,
        gradient_checkpointing=checkpoint,
        reasons=tuple(reasons),
    )


def activation_bytes(shape: ModelShape, tokens: int, width: int) -> int:
    """What a step keeps for its backward pass without checkpointing, in bytes.

    Per layer and token: about 16 vectors of the hidden size, half of them in float32 (norms), and 5
    of the feed-forward size (Korthikanti et al. 2022, section 4.1, without dropout and with
    attention that stores no score matrix).
    """
    per_token = 16 * shape.hidden * (width + 4) // 2 + 5 * shape.intermediate * width
    return tokens * shape.layers * per_token


def _gb(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB"
