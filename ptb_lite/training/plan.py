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

# Share of the free memory that a run may plan to use. A CPU's memory is shared with all other
# programs; a GPU's is the run's own, less what its allocator loses to fragments.
MEMORY_SHARE = {"cpu": 0.6, "cuda": 0.85}
# Of plans that take nearly as long, the one that leaves most memory to others.
AS_FAST = 1.05
# Rows of logits alive at once in the head's loss: 128 in float32 three times, or 768 in bfloat16.
HEAD_BYTES_PER_WORD = 128 * 4 * 3
ADAPTER_RANK = 16

# What follows was measured on an H200 (bench/NOTES.md); only the order of the ways comes from it.
# Share of the rate of a large matmul that a training step reaches.
EFFICIENCY, COMPILED_EFFICIENCY = 0.33, 0.5
# Seconds that starting a layer's kernels takes a part, forward and back, however small the part.
LAUNCH_SECONDS = {"cpu": 0.0005, "cuda": 0.006}
COMPILED_LAUNCH_SECONDS = 0.004
CHECKPOINT_LAUNCHES = 1.85
# Of a step's work: every checkpointed layer's forward pass once more, a third; weights dequantised
# each time.
CHECKPOINT_WORK = 4 / 3
PACKED_WORK = 1.02
# TRL's defaults: packed, checkpointed, and PEFT's and transformers' layers in more passes.
STOCK_WORK = 1.15
# Bytes a second of a checkpoint to host memory and back, as far as the step waits for it.
OFFLOAD_RATE = 50e9
# Checkpoints on their way to host memory at once.
OFFLOAD_STASH = 6
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
class TrainingPlan:
    """The choices of one run and, in `reasons`, why each was made (one sentence each).

    `unpack_once`: the NF4 weights are rounded to NF4 and then kept dequantised in `dtype`, instead
    of being dequantised for each layer; the numbers multiplied are the same. `parts`: a batch goes
    through the model in so many parts whose gradients are summed, which changes no number but the
    order of the sum. The first `checkpointed_layers` layers compute their activations again in the
    backward pass, their inputs in host memory meanwhile with `offload`. `compiled`: layers and loss
    by torch.compile. `padding_free`: the examples of a batch in one row. `fused`: linear layers
    with their adapters and, where not compiled, norms in few passes over the tokens (`kernels`).
    `seconds` is a step's estimate, `gain` how many times faster than TRL's defaults that is
    (0: not estimated).
    """

    device: Literal["cpu", "cuda"]
    dtype: Dtype
    quantise: bool
    unpack_once: bool
    parts: int
    reasons: tuple[str, ...]
    checkpointed_layers: int = 0
    offload: bool = False
    compiled: bool = False
    attention: Attention = "sdpa"
    padding_free: bool = False
    fused: bool = True
    optimiser: Optimiser = "adamw_torch_fused"
    seconds: float = 0.0
    gain: float = 0.0

    @property
    def summary(self) -> str:
        """One line: what was chosen and what that gains."""
        parts = [
            self.dtype,
            "layers compiled" if self.compiled else "layers run eagerly",
            "no padding" if self.padding_free else "padded batches",
        ]
        if self.quantise:
            how = "once" if self.unpack_once else "layer by layer"
            parts.insert(1, f"NF4 weights dequantised {how}")
        if self.checkpointed_layers:
            where = ", inputs in host memory" if self.offload else ""
            parts.append(f"{self.checkpointed_layers} layers checkpointed{where}")
        if self.parts > 1:
            parts.append(f"a batch in {self.parts} parts")
        gain = (
            f"about {self.gain:.1f} x the speed of TRL's defaults, by estimate"
            if self.device == "cuda"
            else "about 5 x the speed of TRL's defaults, as measured on the embedded model"
        )
        return f"{', '.join(parts)}: {gain}"


_PLAIN_REASON = (
    "no quantisation: on a CPU NF4 is no faster, and once dequantised as large, and it rounds"
)


@dataclass(frozen=True)
class _Way:
    """One way to run: its choices, its bytes, and the seconds of a step by which ways compare."""

    unpacked: bool
    checkpointed: int
    offload: bool
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
    steps: int = 0,
    time_limit: float | None = None,
) -> TrainingPlan:
    """The fastest way to run that fits; `batch_tokens` is batch size times longest example.

    `nf4` None is with NF4 where it gains something: on a GPU, and where nothing fits without it.
    `padding` is the share of padding if all examples were made as long as the longest. Layers are
    compiled where `steps` (0: unknown) and `time_limit` (seconds; None: none) are long enough.
    Where nothing is estimated to fit, the smallest way is tried all the same.
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
    padded = longest if attention.attention == "ptb_lite_padded" else 0
    work = _Work(capability, shape, dtype, batch_tokens, batch_size, padded, budget)
    by_itself = nf4 is None
    if nf4 is None:
        plain_fits = any(way.bytes <= budget for way in work.ways(nf4=False))
        nf4 = capability.device == "cuda" or not plain_fits
    eager, compiled = work.best(nf4=nf4), work.best(nf4=nf4, compiled=True)
    compiling, compile_reason = _compiling(capability, eager, compiled, steps, time_limit)
    way = compiled if compiling else eager
    optimiser, optimiser_reason = choose_optimiser(
        device=capability.device, software=capability.software, fits=way.bytes <= budget
    )
    return TrainingPlan(
        device=capability.device,
        dtype=dtype,
        quantise=nf4,
        unpack_once=nf4 and way.unpacked,
        checkpointed_layers=way.checkpointed,
        offload=way.offload,
        compiled=compiling,
        parts=way.parts,
        reasons=(
            *_reasons(capability, dtype, shape, nf4=nf4, way=way, budget=budget),
            *([_PLAIN_REASON] if by_itself and not nf4 else []),
            compile_reason,
            *attention.reasons,
            loss_reason(shape.needs.obstacle),
            optimiser_reason,
        ),
        attention=attention.attention,
        padding_free=attention.padding_free,
        optimiser=optimiser,
        seconds=way.seconds,
        gain=work.stock_seconds / way.seconds if way.seconds else 0.0,
    )


def _compiling(
    capability: Capability, eager: _Way, compiled: _Way, steps: int, time_limit: float | None
) -> tuple[bool, str]:
    """Whether layers are compiled, and why."""
    if capability.device == "cpu":
        return False, "layers not compiled: not measured on a CPU, whose kernels are fused by hand"
    if not capability.software.compiler:
        return False, "layers not compiled: torch.compile finds no compiler here that works"
    whole = eager.seconds * steps if steps else float("inf")
    whole = min(whole, time_limit or float("inf"))
    saved = whole * (1 - compiled.seconds / eager.seconds)
    about = (
        f"a step is estimated at {compiled.seconds:.2f} s instead of {eager.seconds:.2f} s, "
        f"the first costs about {COMPILE_SECONDS:.0f} s more"
    )
    if saved <= COMPILE_SECONDS:
        return False, f"layers not compiled: too few steps or too little time ({about})"
    return True, f"layers compiled: {about}"


def activation_bytes(
    shape: ModelShape,
    tokens: int,
    width: int,
    *,
    checkpointed: int = 0,
    compiled: bool = False,
    offload: bool = False,
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
    at_once = COMPILED_BACKWARD * layer if compiled else 0.0
    if checkpointed:
        at_once += layer
    inputs = min(checkpointed, OFFLOAD_STASH) if offload else checkpointed
    per_token = (shape.layers - checkpointed) * layer + inputs * shape.hidden * width + at_once
    return int(tokens * per_token) + HEAD_BYTES_PER_WORD * shape.vocabulary


def adapter_bytes(shape: ModelShape) -> int:
    """LoRA matrices of all linear layers with gradient and Adam's moments, in float32."""
    attention = shape.attention or shape.hidden
    ends = 7 * shape.hidden + 3 * shape.intermediate + 4 * attention
    return 16 * ADAPTER_RANK * shape.layers * ends


@dataclass(frozen=True)
class _Work:
    """One batch on one machine; `padded` is the longest example where attention pads."""

    capability: Capability
    shape: ModelShape
    dtype: Dtype
    batch_tokens: int
    batch_size: int
    padded: int
    budget: int

    def best(self, *, nf4: bool, compiled: bool = False) -> _Way:
        """The fastest way that fits, or the smallest."""
        ways = list(self.ways(nf4=nf4, compiled=compiled))
        fitting = [way for way in ways if way.bytes <= self.budget]
        if not fitting:
            return min(ways, key=lambda way: way.bytes)
        enough = min(way.seconds for way in fitting) * self._tolerance
        fast = [way for way in fitting if way.seconds <= enough]
        return min(fast, key=lambda way: (way.parts if self._on_cpu else way.bytes, way.seconds))

    def ways(self, *, nf4: bool, compiled: bool = False) -> Iterator[_Way]:
        """Every way to run a batch, with as many layers not checkpointed as fit."""
        for unpacked, parts in product((True, False) if nf4 else (True,), self._part_counts()):
            for offload in (False,) if self._on_cpu else (False, True):
                yield self._fill(unpacked, parts, offload=offload, compiled=compiled)

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

    def _part_counts(self) -> Iterator[int]:
        parts = 1
        while parts < self.batch_size:
            yield parts
            parts *= 2
        yield self.batch_size

    def _fill(self, unpacked: bool, parts: int, *, offload: bool, compiled: bool) -> _Way:
        """The way with the fewest checkpointed layers that fits, else with all of them."""
        layers = self.shape.layers
        # On a CPU only all or none was measured.
        counts = (0, layers) if self._on_cpu else range(layers + 1)
        made = (self._way(unpacked, count, parts, offload, compiled) for count in counts)
        return next((way for way in made if way.bytes <= self.budget), None) or self._way(
            unpacked, layers, parts, offload, compiled
        )

    def _way(
        self, unpacked: bool, checkpointed: int, parts: int, offload: bool, compiled: bool
    ) -> _Way:
        kept = activation_bytes(
            self.shape,
            -(-self.batch_tokens // parts),
            self._width,
            checkpointed=checkpointed,
            compiled=compiled,
            offload=offload,
            longest=self.padded,
        )
        seconds = self._seconds(checkpointed, parts, unpacked, compiled=compiled)
        if offload:
            inputs = self.batch_tokens * self.shape.hidden * self._width * checkpointed
            seconds += inputs / OFFLOAD_RATE
        return _Way(
            unpacked=unpacked,
            checkpointed=checkpointed,
            offload=offload,
            parts=parts,
            weights=weight_bytes(self.shape, self._width, packed=not unpacked),
            kept=kept + adapter_bytes(self.shape),
            seconds=seconds,
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
        return work * slower + launches if self._on_cpu else max(work * slower, launches)


def weight_bytes(shape: ModelShape, width: int, *, packed: bool) -> int:
    """All weights, or the linear layers in NF4 (half a byte, and a float32 scale for 64 weights)
    beside one layer of them in full."""
    if not packed:
        return shape.parameters * width
    one_layer = shape.linear // max(shape.layers, 1) * width
    others = (shape.parameters - shape.linear) * width
    return others + shape.linear // 2 + shape.linear // 16 + one_layer


def _reasons(
    capability: Capability,
    dtype: Dtype,
    shape: ModelShape,
    *,
    nf4: bool,
    way: _Way,
    budget: int,
) -> tuple[str, ...]:
    multiplies = "multiplies" if capability.fast_bfloat16 else "does not multiply"
    reasons = [f"{dtype} because the {capability.device} {multiplies} bfloat16 in hardware"]
    if nf4:
        how = (
            "dequantised once, from then on as fast as if they had never been quantised"
            if way.unpacked
            else "dequantised layer by layer"
        )
        reasons.append(
            f"NF4 weights {how}: the weights take {_gb(way.weights)} of the {_gb(budget)} that may "
            "be used"
        )
    host = ", their inputs in host memory meanwhile" if way.offload and way.checkpointed else ""
    reasons.append(
        f"gradient checkpointing of {way.checkpointed} of {shape.layers} layers{host}, a batch in "
        f"{way.parts} {'part' if way.parts == 1 else 'parts'}: what a step keeps takes "
        f"{_gb(way.kept)} beside {_gb(way.weights)} of weights, {_gb(budget)} may be used"
    )
    return tuple(reasons)


def _gb(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB"
