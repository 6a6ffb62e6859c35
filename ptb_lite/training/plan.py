"""How a training run is carried out on this machine: a pure choice by capability, with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from ptb_lite.training.choices import (
    Attention,
    AttentionNeeds,
    Optimiser,
    Software,
    choose_attention,
    choose_optimiser,
    loss_reason,
)

Dtype = Literal["bfloat16", "float32"]

# Share of the free memory that a run may plan to use. The processor's memory is shared with all
# other programs; a card's is the run's own, less what its allocator loses to fragments.
MEMORY_SHARE = {"cpu": 0.6, "cuda": 0.85}
# Rows of logits alive at once in the head's loss, in float32.
HEAD_BYTES_PER_WORD = 128 * 4 * 3
ADAPTER_RANK = 16

# What follows was measured on an H200 (docs/performance.md, "What each choice costs"); only the
# order of the ways comes from it.
# Share of the rate of a large product that a training step reaches.
EFFICIENCY = 0.3
# Seconds that starting a layer's kernels takes a part, forward and back, however small the part.
LAUNCH_SECONDS = {"cpu": 0.0, "cuda": 0.006}
PACKED_LAUNCHES = 1.5
CHECKPOINT_LAUNCHES = 1.85
# Of a step's work: every layer's forward pass once more, a third; weights unpacked each time.
CHECKPOINT_WORK = 4 / 3
PACKED_WORK = 1.03


@dataclass(frozen=True)
class Capability:
    """What the machine offers: the device, its free memory in bytes, whether it multiplies
    bfloat16 in hardware (a GPU since Ampere; a CPU with AVX512-BF16, AMX or their like), the
    operations a second of a large product, a card's CUDA capability (major, minor), and the
    optional software that can be used on it."""

    device: Literal["cpu", "cuda"]
    memory_free: int
    fast_bfloat16: bool
    rate: float = 1e12
    compute: tuple[int, int] = (0, 0)
    software: Software = field(default_factory=Software)


@dataclass(frozen=True)
class ModelShape:
    """The sizes that decide memory.

    `linear` counts weights of linear layers, the head excepted; `parameters` counts all;
    `attention` is the width of all query heads together, `keys` that of all key heads (0:
    `hidden`); `needs` decides the attention; the others as in config.json.
    """

    parameters: int
    linear: int
    layers: int
    hidden: int
    intermediate: int
    vocabulary: int = 0
    attention: int = 0
    keys: int = 0
    needs: AttentionNeeds = field(default_factory=AttentionNeeds)


@dataclass(frozen=True)
class TrainingPlan:
    """The choices of one run and, in `reasons`, why each was made (one sentence each).

    `unpack_once`: the NF4 weights are rounded to NF4 and then kept unpacked in `dtype`, instead of
    being unpacked again for each product; the numbers multiplied are the same. `parts`: a batch
    goes through the model in so many parts whose gradients are summed, which changes no number but
    the order of the sum. `padding_free`: without padding, the examples of a batch in one row.
    `lean`: layers with their adapters, norms and, on a processor, gates in fewer passes over the
    tokens (`lean_adapter.py`, `lean_norm.py`, `lean_gate.py`).
    """

    device: Literal["cpu", "cuda"]
    dtype: Dtype
    quantise: bool
    unpack_once: bool
    parts: int
    reasons: tuple[str, ...]
    checkpointed_layers: int = 0
    compiled: bool = False
    offload: bool = False
    attention: Attention = "sdpa"
    padding_free: bool = False
    fused: bool = True
    optimiser: Optimiser = "adamw_torch_fused"


_PLAIN_REASON = (
    "no quantisation: on a processor NF4 is no faster, and once unpacked as large, and it rounds"
)


@dataclass(frozen=True)
class _Way:
    """One way to run: its choices, its bytes, and the seconds of a step by which ways compare."""

    unpacked: bool
    checkpointing: bool
    parts: int
    weights: int
    kept: int
    seconds: float

    @property
    def bytes(self) -> int:
        return self.weights + self.kept


def choose_plan(
    capability: Capability,
    shape: ModelShape,
    *,
    nf4: bool | None,
    batch_tokens: int,
    batch_size: int = 1,
    padding: float = 0.0,
) -> TrainingPlan:
    """The fastest way to run that fits; `batch_tokens` is batch size times longest example.

    `nf4` None is with NF4 where it gains something: on a card, and where nothing fits without it.
    `padding` is the share of padding if all examples were made as long as the longest. Where
    nothing is estimated to fit, the smallest way is tried all the same.
    """
    dtype: Dtype = "bfloat16" if capability.fast_bfloat16 else "float32"
    budget = int(capability.memory_free * MEMORY_SHARE[capability.device])
    longest = -(-batch_tokens // batch_size)
    attention = choose_attention(
        shape.needs,
        device=capability.device,
        compute=capability.compute,
        bfloat16=capability.fast_bfloat16,
        software=capability.software,
        longest=longest,
        padding=padding,
    )
    by_rows = longest if attention.attention == "ptb_lite_padded" else 0

    def possible(quantised: bool) -> list[_Way]:
        return list(_ways(capability, shape, dtype, quantised, batch_tokens, batch_size, by_rows))

    by_itself = nf4 is None
    if nf4 is None:
        plain_fits = any(way.bytes <= budget for way in possible(False))
        nf4 = capability.device == "cuda" or not plain_fits
    ways = possible(nf4)
    fitting = [way for way in ways if way.bytes <= budget]
    # Of ways that take as long, the one that keeps a batch whole.
    way = (
        min(fitting, key=lambda way: (way.seconds, way.parts))
        if fitting
        else min(ways, key=lambda way: way.bytes)
    )
    optimiser, optimiser_reason = choose_optimiser(
        device=capability.device, software=capability.software, fits=bool(fitting)
    )
    return TrainingPlan(
        device=capability.device,
        dtype=dtype,
        quantise=nf4,
        unpack_once=nf4 and way.unpacked,
        checkpointed_layers=shape.layers if way.checkpointing else 0,
        parts=way.parts,
        reasons=(
            *_reasons(capability, dtype, nf4=nf4, way=way, budget=budget),
            *([_PLAIN_REASON] if by_itself and not nf4 else []),
            *attention.reasons,
            loss_reason(shape.needs.obstacle),
            optimiser_reason,
        ),
        attention=attention.attention,
        padding_free=attention.padding_free,
        fused=way.unpacked,
        optimiser=optimiser,
    )


def activation_bytes(
    shape: ModelShape, tokens: int, width: int, *, checkpointing: bool = False, longest: int = 0
) -> int:
    """What a step keeps for its backward pass, in bytes.

    Per layer and token: 8 vectors of the hidden size (norms keep some in float32), 4 each of the
    queries', the keys' and the feed-forward size (as in Korthikanti et al. 2022, section 4.1,
    without dropout, with attention that stores no score matrix, a gated feed-forward, and frozen
    weights; within 15 % of what five models kept on a GPU, docs/performance.md). With checkpointing
    one such layer, and one vector of the hidden size a layer. Attention by rows keeps each head's
    probabilities, of examples of up to `longest` tokens. The head's rows of logits come on top.
    """
    attention, keys = shape.attention or shape.hidden, shape.keys or shape.hidden
    probabilities = longest * attention // shape.needs.head_width if shape.needs.head_width else 0
    vectors = 8 * shape.hidden + 4 * attention + 4 * keys + 4 * shape.intermediate
    layer = width * (vectors + probabilities)
    boundaries = shape.layers * shape.hidden * width
    per_token = layer + boundaries if checkpointing else shape.layers * layer
    return tokens * per_token + HEAD_BYTES_PER_WORD * shape.vocabulary


def adapter_bytes(shape: ModelShape) -> int:
    """LoRA matrices of all linear layers with gradient and Adam's moments, in float32."""
    attention = shape.attention or shape.hidden
    ends = 7 * shape.hidden + 3 * shape.intermediate + 4 * attention
    return 16 * ADAPTER_RANK * shape.layers * ends


def _ways(
    capability: Capability,
    shape: ModelShape,
    dtype: Dtype,
    nf4: bool,
    batch_tokens: int,
    batch_size: int,
    by_rows: int,
) -> Iterator[_Way]:
    """Every way to run a batch; `by_rows` is the longest example where attention is by rows."""
    width = 2 if dtype == "bfloat16" else 4
    plain = shape.parameters * width
    packed = (shape.parameters - shape.linear) * width + shape.linear // 2 + shape.linear // 16
    work = 4.0 * shape.linear * batch_tokens / (EFFICIENCY * capability.rate)
    launch = LAUNCH_SECONDS[capability.device] * shape.layers
    unpackings = (True, False) if nf4 else (True,)
    for unpacked, checkpointing in product(unpackings, (False, True)):
        again = CHECKPOINT_WORK if checkpointing else 1.0
        launches = CHECKPOINT_LAUNCHES if checkpointing else 1.0
        slower = 1.0 if unpacked else PACKED_WORK
        more = 1.0 if unpacked else PACKED_LAUNCHES
        for parts in _part_counts(batch_size):
            tokens = -(-batch_tokens // parts)
            kept = activation_bytes(
                shape, tokens, width, checkpointing=checkpointing, longest=by_rows
            )
            yield _Way(
                unpacked=unpacked,
                checkpointing=checkpointing,
                parts=parts,
                weights=plain if unpacked else packed,
                kept=kept + adapter_bytes(shape),
                seconds=max(work * again * slower, parts * launch * launches * more),
            )


def _part_counts(batch_size: int) -> Iterator[int]:
    parts = 1
    while parts < batch_size:
        yield parts
        parts *= 2
    yield batch_size


def _reasons(
    capability: Capability, dtype: Dtype, *, nf4: bool, way: _Way, budget: int
) -> tuple[str, ...]:
    multiplies = "multiplies" if capability.fast_bfloat16 else "does not multiply"
    reasons = [f"{dtype} because the {capability.device} {multiplies} bfloat16 in hardware"]
    if nf4:
        how = (
            "unpacked once, from then on as fast as if they had never been quantised"
            if way.unpacked
            else "unpacked for each product"
        )
        reasons.append(
            f"NF4 weights {how}: the weights take {_gb(way.weights)} of the {_gb(budget)} that may "
            "be used"
        )
    reasons.append(
        f"gradient checkpointing {'on' if way.checkpointing else 'off'}, a batch in "
        f"{way.parts} {'part' if way.parts == 1 else 'parts'}: what a step keeps takes "
        f"{_gb(way.kept)} beside {_gb(way.weights)} of weights, {_gb(budget)} may be used"
    )
    return tuple(reasons)


def _gb(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB"
