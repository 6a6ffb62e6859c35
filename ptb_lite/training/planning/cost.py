"""What a way to train costs: bytes and seconds of a step, estimated. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Literal

from ptb_lite.training.planning.choices import AttentionNeeds, Software

Dtype = Literal["bfloat16", "float32"]

# Share of the free memory that a run may plan to use. A CPU's memory is shared with all other
# programs; a GPU's is the run's own, less what its allocator loses to fragments.
MEMORY_SHARE = {"cpu": 0.6, "cuda": 0.9}
# Of plans that take nearly as long, the one that leaves most memory to others.
AS_FAST = 1.02
# Rows of logits alive at once in the head's loss: 128 in float32 three times, or 768 in bfloat16.
HEAD_BYTES_PER_WORD = 128 * 4 * 3
ADAPTER_RANK = 16

# What follows was measured on an H200 (bench/NOTES.md); only the order of the ways comes from it.
# Share of the rate of a large matmul that a training step reaches.
EFFICIENCY, COMPILED_EFFICIENCY = 0.33, 0.5
# Seconds that starting a layer's kernels takes a part, forward and back, however small the part.
LAUNCH_SECONDS = {"cpu": 0.0005, "cuda": 0.006}
COMPILED_LAUNCH_SECONDS = 0.0035
CHECKPOINT_LAUNCHES = 1.85
# Of a step's work: every checkpointed layer's forward pass once more, a third; weights dequantised
# each time.
CHECKPOINT_WORK = 4 / 3
PACKED_WORK = 1.02
# TRL's defaults: packed, checkpointed, and PEFT's and transformers' layers in more passes.
STOCK_WORK = 1.15
# The kinds of text model (`model_type`) whose compiled layers were compared with eager ones on a
# GPU (bench/NOTES.md); every training compares its own again (`compiled_check.py`).
COMPILED_KINDS = ("gemma3_text", "qwen3")
# A first step of compiled layers, and once more for a second size of batch.
COMPILE_SECONDS = 25.0
# What a compiled layer's backward pass holds beside what the layer kept, as a multiple of that.
COMPILED_BACKWARD = 1.2


@dataclass(frozen=True)
class Capability:
    """What the machine offers: the device, its free memory in bytes, whether it multiplies
    bfloat16 in hardware (a GPU since Ampere; a CPU with AVX512-BF16, AMX or their like), the
    operations a second of a large matmul, a GPU's CUDA capability (major, minor), and the optional
    software that can be used on it."""

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
class Way:
    """One way to run: its choices, its bytes, and the seconds of a step by which ways compare."""

    unpacked: bool
    checkpointed: int
    parts: int
    weights: int
    kept: int
    seconds: float

    @property
    def bytes(self) -> int:
        return self.weights + self.kept


def activation_bytes(
    shape: ModelShape,
    tokens: int,
    width: int,
    *,
    checkpointed: int = 0,
    compiled: bool = False,
    longest: int = 0,
) -> int:
    """What a step keeps for its backward pass, in bytes.

    Per token of a layer: 8 vectors of the hidden size (norms keep some in float32), 4 each of the
    queries', the keys' and the feed-forward size (as in Korthikanti et al. 2022, section 4.1,
    without dropout, with attention that stores no score matrix, a gated feed-forward, and frozen
    weights; within 15 % of what five models kept on a GPU, bench/NOTES.md). Compiled layers keep 4
    and 3 (within 5 % of one model), and their backward pass takes `COMPILED_BACKWARD` times that
    once. Of a checkpointed layer its input is kept, and all of one of them at a time. Padded
    attention keeps each head's probabilities, of examples of up to `longest` tokens. The head's
    rows of logits come on top.
    """
    attention, keys = shape.attention or shape.hidden, shape.keys or shape.hidden
    probabilities = longest * attention // shape.needs.head_width if shape.needs.head_width else 0
    hidden, others = (4, 3) if compiled else (8, 4)
    layer = width * (hidden * shape.hidden + others * (attention + keys + shape.intermediate))
    layer += width * probabilities
    backward = COMPILED_BACKWARD * layer if compiled else 0.0
    # The layers that are not checkpointed come last, and are done before one that is comes again.
    at_once = backward + layer * max(shape.layers - checkpointed, 1 if checkpointed else 0)
    per_token = checkpointed * shape.hidden * width + at_once
    return int(tokens * per_token) + HEAD_BYTES_PER_WORD * shape.vocabulary


def adapter_bytes(shape: ModelShape) -> int:
    """LoRA matrices of all linear layers with gradient and Adam's moments, in float32."""
    attention = shape.attention or shape.hidden
    ends = 7 * shape.hidden + 3 * shape.intermediate + 4 * attention
    return 16 * ADAPTER_RANK * shape.layers * ends


@dataclass(frozen=True)
class Work:
    """One batch on one machine; `padded` is the longest example where attention pads."""

    capability: Capability
    shape: ModelShape
    dtype: Dtype
    batch_tokens: int
    batch_size: int
    padded: int
    budget: int

    def best(self, *, nf4: bool, compiled: bool = False) -> Way:
        """The fastest way that fits, or the smallest."""
        ways = list(self.ways(nf4=nf4, compiled=compiled))
        fitting = [way for way in ways if way.bytes <= self.budget]
        if not fitting:
            return min(ways, key=lambda way: way.bytes)
        enough = min(way.seconds for way in fitting) * self._tolerance
        fast = [way for way in fitting if way.seconds <= enough]
        return min(fast, key=lambda way: (way.parts if self._on_cpu else way.bytes, way.seconds))

    def ways(self, *, nf4: bool, compiled: bool = False) -> Iterator[Way]:
        """Every way to run a batch."""
        # Half of the layers checkpointed gave wrong gradients on one model (bench/NOTES.md).
        for unpacked, parts, checkpointed in product(
            (True, False) if nf4 else (True,), self._part_counts(), (0, self.shape.layers)
        ):
            yield self._way(unpacked, checkpointed, parts, compiled=compiled)

    @property
    def stock_seconds(self) -> float:
        """A step of TRL's defaults."""
        work = self._seconds(checkpointed=self.shape.layers, parts=1, unpacked=False)
        return STOCK_WORK * work

    @property
    def _on_cpu(self) -> bool:
        return self.capability.device == "cpu"

    @property
    def _tolerance(self) -> float:
        return 1.0 if self._on_cpu else AS_FAST

    @property
    def _width(self) -> int:
        return 2 if self.dtype == "bfloat16" else 4

    def _part_counts(self) -> list[int]:
        """Powers of two and, between them, one and a half times each."""
        counts = {round(2**power * half) for power in range(13) for half in (1, 1.5)}
        return sorted({min(count, self.batch_size) for count in counts})

    def _way(self, unpacked: bool, checkpointed: int, parts: int, *, compiled: bool) -> Way:
        kept = activation_bytes(
            self.shape,
            # Parts are of whole examples.
            -(-self.batch_tokens * -(-self.batch_size // parts) // self.batch_size),
            self._width,
            checkpointed=checkpointed,
            compiled=compiled,
            longest=self.padded,
        )
        return Way(
            unpacked=unpacked,
            checkpointed=checkpointed,
            parts=parts,
            weights=weight_bytes(self.shape, self._width, packed=not unpacked),
            kept=kept + adapter_bytes(self.shape),
            seconds=self._seconds(checkpointed, parts, unpacked, compiled=compiled),
        )

    def _seconds(
        self, checkpointed: int, parts: int, unpacked: bool, *, compiled: bool = False
    ) -> float:
        share = checkpointed / self.shape.layers if self.shape.layers else 0.0
        efficiency = COMPILED_EFFICIENCY if compiled else EFFICIENCY
        work = 4.0 * self.shape.linear * self.batch_tokens / (efficiency * self.capability.rate)
        work *= 1 + share * (CHECKPOINT_WORK - 1)
        launch = COMPILED_LAUNCH_SECONDS if compiled else LAUNCH_SECONDS[self.capability.device]
        launches = parts * self.shape.layers * launch * (1 + share * (CHECKPOINT_LAUNCHES - 1))
        slower = 1.0 if unpacked else PACKED_WORK
        # Kernels are started while others run; near each other the two add up in part.
        return float(((work * slower) ** 3 + launches**3) ** (1 / 3))


def weight_bytes(shape: ModelShape, width: int, *, packed: bool) -> int:
    """All weights, or the linear layers in NF4 (half a byte, and a float32 scale for 64 weights)
    beside one layer of them in full."""
    if not packed:
        return shape.parameters * width
    one_layer = shape.linear // max(shape.layers, 1) * width
    others = (shape.parameters - shape.linear) * width
    return others + shape.linear // 2 + shape.linear // 16 + one_layer
