"""How a training run is carried out on this machine: a pure choice by capability, with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Dtype = Literal["bfloat16", "float32"]

# Share of the free memory that a run may plan to use. The processor's memory is shared with all
# other programs; a card's is the run's own, less what its allocator loses to fragments.
MEMORY_SHARE = {"cpu": 0.6, "cuda": 0.85}
# Rows of logits alive at once beside what the head's loss keeps of them, in float32.
HEAD_BYTES_PER_WORD = 128 * 4 * 3


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
    `parameters` counts all; the others as in config.json."""

    parameters: int
    linear: int
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int = 0
    attention: int = 0
    """Width of all query heads together; 0: as wide as `hidden`."""


@dataclass(frozen=True)
class TrainingPlan:
    """The choices of one run and, in `reasons`, why each was made (one sentence each).

    `unpack_once`: the NF4 weights are rounded to NF4 and then kept unpacked in `dtype`, instead of
    being unpacked again for each product; the numbers multiplied are the same. `parts`: a batch
    goes through the model in so many parts whose gradients are summed, which changes no number but
    the order of the sum.
    """

    device: Literal["cpu", "cuda"]
    dtype: Dtype
    quantise: bool
    unpack_once: bool
    gradient_checkpointing: bool
    parts: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Way:
    """One way to run: what it computes twice, how small its parts are, and its bytes."""

    checkpointing: bool
    parts: int
    weights: int
    activations: int


def choose_plan(
    capability: Capability,
    shape: ModelShape,
    *,
    nf4: bool,
    batch_tokens: int,
    batch_size: int = 1,
) -> TrainingPlan:
    """The fastest way to run that fits; `batch_tokens` is batch size times longest example.

    Smaller parts come before checkpointing, which computes every layer's forward pass twice; a
    way that fits with the weights packed comes before one that must hold them unpacked. Where
    nothing is estimated to fit, the smallest way is tried all the same.
    """
    dtype: Dtype = "bfloat16" if capability.fast_bfloat16 else "float32"
    width = 2 if dtype == "bfloat16" else 4
    budget = int(capability.memory_free * MEMORY_SHARE[capability.device])
    plain = shape.parameters * width
    packed = (shape.parameters - shape.linear) * width + shape.linear // 2 + shape.linear // 16
    weights = packed if nf4 else plain
    ways = list(_ways(shape, weights, batch_tokens, batch_size, width))
    way = next((way for way in ways if way.weights + way.activations <= budget), ways[-1])
    unpack = nf4 and plain + way.activations <= budget
    if unpack:
        way = _Way(way.checkpointing, way.parts, plain, way.activations)
    return TrainingPlan(
        device=capability.device,
        dtype=dtype,
        quantise=nf4,
        unpack_once=unpack,
        gradient_checkpointing=way.checkpointing,
        parts=way.parts,
        reasons=_reasons(capability, dtype, nf4=nf4, unpack=unpack, way=way, budget=budget),
    )


def activation_bytes(
    shape: ModelShape, tokens: int, width: int, *, checkpointing: bool = False
) -> int:
    """What a step keeps for its backward pass, in bytes.

    Per layer and token: about 16 vectors of the hidden size, half of them in float32 (norms), and 5
    of the feed-forward size (Korthikanti et al. 2022, section 4.1, without dropout and with
    attention that stores no score matrix). With checkpointing one such layer, and one vector of the
    hidden size a layer. The head's rows of logits come on top.
    """
    layer = 16 * shape.hidden * (width + 4) // 2 + 5 * shape.intermediate * width
    per_token = (
        layer + shape.layers * shape.hidden * width if checkpointing else (shape.layers * layer)
    )
    return tokens * per_token + HEAD_BYTES_PER_WORD * shape.vocabulary


def _ways(
    shape: ModelShape, weights: int, batch_tokens: int, batch_size: int, width: int
) -> Iterator[_Way]:
    """Every way to run a batch, the fastest first."""
    for checkpointing in (False, True):
        parts = 1
        while True:
            tokens = -(-batch_tokens // parts)
            kept = activation_bytes(shape, tokens, width, checkpointing=checkpointing)
            yield _Way(checkpointing, parts, weights, kept)
            if parts >= batch_size:
                break
            parts = min(2 * parts, batch_size)


def _reasons(
    capability: Capability, dtype: Dtype, *, nf4: bool, unpack: bool, way: _Way, budget: int
) -> tuple[str, ...]:
    multiplies = "multiplies" if capability.fast_bfloat16 else "does not multiply"
    reasons = [f"{dtype} because the {capability.device} {multiplies} bfloat16 in hardware"]
    if nf4:
        reasons.append(
            f"NF4 weights {'unpacked once' if unpack else 'unpacked for each product'}: the "
            f"weights take {_gb(way.weights)} of the {_gb(budget)} that may be used"
        )
    reasons.append(
        f"gradient checkpointing {'on' if way.checkpointing else 'off'}, a batch in "
        f"{way.parts} {'part' if way.parts == 1 else 'parts'}: what a step keeps takes "
        f"{_gb(way.activations)} beside {_gb(way.weights)} of weights, {_gb(budget)} may be used"
    )
    return tuple(reasons)


def _gb(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB"
