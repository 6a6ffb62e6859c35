"""How a training run is carried out on this machine: a pure choice by capability, with reasons."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ptb_lite.training.planning.choices import (
    Attention,
    Optimiser,
    choose_attention,
    choose_optimiser,
    loss_reason,
)
from ptb_lite.training.planning.cost import (
    COMPILE_SECONDS,
    COMPILED_KINDS,
    MEMORY_SHARE,
    Capability,
    Dtype,
    ModelShape,
    Way,
    Work,
)


@dataclass(frozen=True)
class TrainingPlan:
    """The choices of one run and, in `reasons`, why each was made (one sentence each).

    `unpack_once`: the NF4 weights are rounded to NF4 and then kept dequantised in `dtype`, instead
    of being dequantised for each layer; the numbers multiplied are the same. `parts`: a batch goes
    through the model in so many parts whose gradients are summed, which changes no number but the
    order of the sum. The first `checkpointed_layers` layers compute their activations again in the
    backward pass. `compiled`: layers and loss by torch.compile. `padding_free`: the examples of a
    batch in one row. `fused`: linear layers with their adapters and, where not compiled, norms in
    few passes over the tokens (`kernels`).
    `seconds` and `bytes` are estimates of a step and of the memory that it needs, `gain` how many
    times faster than TRL's defaults that is (0: not estimated).
    """

    device: Literal["cpu", "cuda"]
    dtype: Dtype
    quantise: bool
    unpack_once: bool
    parts: int
    reasons: tuple[str, ...]
    checkpointed_layers: int = 0
    compiled: bool = False
    attention: Attention = "sdpa"
    padding_free: bool = False
    fused: bool = True
    optimiser: Optimiser = "adamw_torch_fused"
    seconds: float = 0.0
    bytes: int = 0
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
            parts.append(f"{self.checkpointed_layers} layers checkpointed")
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


def choose_plan(
    capability: Capability,
    shape: ModelShape,
    *,
    nf4: bool | None,
    batch_tokens: int,
    batch_size: int = 1,
    padding: float = 0.0,
    flat_tokens: int | None = None,
    steps: int = 0,
    time_limit: float | None = None,
) -> TrainingPlan:
    """The fastest way to run that fits; `batch_tokens` is batch size times longest example.

    `nf4` None is with NF4 where it gains something: on a GPU, and where nothing fits without it.
    `padding` is the share of padding if all examples were made as long as the longest,
    `flat_tokens` what a batch without padding hardly exceeds (None: `batch_tokens`). Layers are
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
    tokens = flat_tokens if attention.padding_free and flat_tokens else batch_tokens
    work = Work(capability, shape, dtype, tokens, batch_size, padded, budget)
    by_itself = nf4 is None
    if nf4 is None:
        plain_fits = any(way.bytes <= budget for way in work.ways(nf4=False))
        nf4 = capability.device == "cuda" or not plain_fits
    eager, compiled = work.best(nf4=nf4), work.best(nf4=nf4, compiled=True)
    compiling, compile_reason = _compiling(capability, shape, eager, compiled, steps, time_limit)
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
        bytes=way.bytes,
        gain=work.stock_seconds / way.seconds if way.seconds else 0.0,
    )


def _compiling(
    capability: Capability,
    shape: ModelShape,
    eager: Way,
    compiled: Way,
    steps: int,
    time_limit: float | None,
) -> tuple[bool, str]:
    """Whether layers are compiled, and why."""
    if capability.device == "cpu":
        return False, "layers not compiled: not measured on a CPU, whose kernels are fused by hand"
    if not capability.software.compiler:
        return False, "layers not compiled: torch.compile finds no compiler here that works"
    if shape.needs.model_type not in COMPILED_KINDS:
        return False, (
            "layers not compiled: their gradients were compared on a GPU for "
            f"{' and '.join(COMPILED_KINDS)} only"
        )
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


def likely_tokens(lengths: Sequence[int], batch_size: int) -> int:
    """Tokens that one batch in some hundreds exceeds: the mean and three standard deviations of a
    sum of `batch_size` lengths, at most what the longest would make."""
    spread = 3 * statistics.pstdev(lengths) * math.sqrt(batch_size)
    return min(round(batch_size * statistics.fmean(lengths) + spread), batch_size * max(lengths))


def _reasons(
    capability: Capability,
    dtype: Dtype,
    shape: ModelShape,
    *,
    nf4: bool,
    way: Way,
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
    reasons.append(
        f"gradient checkpointing of {way.checkpointed} of {shape.layers} layers, a batch in "
        f"{way.parts} {'part' if way.parts == 1 else 'parts'}: what a step keeps takes "
        f"{_gb(way.kept)} beside {_gb(way.weights)} of weights, {_gb(budget)} may be used"
    )
    return tuple(reasons)


def _gb(amount: int) -> str:
    return f"{amount / 1e9:.1f} GB"
