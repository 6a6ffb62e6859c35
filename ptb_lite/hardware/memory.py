"""Does a model fit? Memory of QLoRA training and of evaluation, from a model's published numbers.

An estimate for refusing what cannot work, not a profiler: each part is an upper bound of its usual
size, and their sum lies somewhat above what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, Protocol

Quantisation = Literal["nf4", "none"]
Precision = Literal["bfloat16", "float32"]

GB = 10**9
_WIDTH = {"bfloat16": 2, "float32": 4}
# 4 bits a weight, and per block of 64 one scale in float32 (QLoRA, Dettmers et al. 2023, section 3;
# the scales are stored quantised and dequantised once).
_NF4_BYTES = (4 + 0.5) / 8
# The interpreter with its libraries, or CUDA's context and loaded kernels.
_PROCESS_BYTES = 800_000_000
# The training loss takes so many rows of logits at a time.
_HEAD_ROWS = 128
# Blocks that an allocator holds and cannot use.
_FRAGMENTATION = 0.1


class ModelNumbers(Protocol):
    """The numbers that the catalogue knows about a model (`ModelEntry` has them)."""

    @property
    def parameters(self) -> int: ...
    @property
    def vocabulary(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def layers(self) -> int: ...
    @property
    def intermediate(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def kv_heads(self) -> int: ...
    @property
    def head_dim(self) -> int: ...
    @property
    def tied_embeddings(self) -> bool: ...
    @property
    def norms(self) -> int: ...


@dataclass(frozen=True)
class ModelShape:
    """A model as numbers; `parameters` counts a tied embedding matrix once, `norms` a layer's norms
    of the hidden size."""

    parameters: int
    vocabulary: int
    hidden: int
    layers: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    tied_embeddings: bool = True
    norms: int = 2


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of each part at the peak."""

    weights: int = 0
    adapter: int = 0
    activations: int = 0
    logits: int = 0
    cache: int = 0
    overhead: int = 0

    @property
    def total(self) -> int:
        return sum(getattr(self, field.name) for field in fields(self))


class HasMemory(Protocol):
    """A device, as far as memory goes."""

    @property
    def name(self) -> str: ...
    @property
    def available_bytes(self) -> int: ...


def training_memory(
    model: ModelNumbers,
    *,
    sequence: int,
    batch: int,
    quantisation: Quantisation = "nf4",
    rank: int = 16,
    supervised: int | None = None,
    checkpointing: bool = True,
) -> MemoryEstimate:
    """LoRA training with Adam on `batch` sequences of `sequence` tokens.

    weights      nf4: linear layers at (4 + 0.5) / 8 bytes (QLoRA, section 3, with plain scales),
                 one layer of them dequantised, embeddings in bfloat16; none: all in bfloat16
    adapter      rank * (inputs + outputs) of all linear layers, at 16 bytes: weight, gradient and
                 Adam's two moments in float32
    activations  per token and layer 2 bytes * ((4 + 2 norms) hidden + 4 queries + 4 keys +
                 4 intermediate) (as in Korthikanti et al. 2022, section 4, without the quadratic
                 term, which fused attention does not keep, with a gated feed-forward and frozen
                 weights; the factors are those that a GPU and a CPU showed, bench/NOTES.md);
                 with checkpointing one such layer, and 2 bytes * hidden a layer; backward
                 2 bytes * (4 hidden + 3 intermediate) of gradients once
    logits       the head's rows that are alive at once (128, or fewer where `supervised`, a
                 sequence's tokens that the head is applied to, are fewer) * vocabulary at 12
                 bytes: three float32 rows
    overhead     the process, and a tenth of the rest lost to fragmentation
    """
    tokens = sequence * batch
    embeddings = _embedding_parameters(model)
    linear = model.parameters - embeddings
    width = _NF4_BYTES if quantisation == "nf4" else 2.0
    one_layer = 2 * linear // model.layers if quantisation == "nf4" else 0
    keys = model.kv_heads * model.head_dim
    norms = (4 + 2 * model.norms) * model.hidden
    layer = 2 * tokens * (norms + 4 * _attention(model) + 4 * keys + 4 * model.intermediate)
    layers = (
        2 * tokens * model.hidden * model.layers + layer
        if checkpointing
        else (layer * model.layers)
    )
    return _with_overhead(
        weights=round(linear * width) + one_layer + 2 * embeddings,
        adapter=16 * _adapter_parameters(model, rank),
        activations=layers + 2 * tokens * (4 * model.hidden + 3 * model.intermediate),
        logits=12
        * min(_HEAD_ROWS, batch * min(sequence, supervised or sequence))
        * model.vocabulary,
        cache=0,
    )


def evaluation_memory(
    model: ModelNumbers,
    *,
    sequence: int,
    batch: int,
    precision: Precision = "bfloat16",
) -> MemoryEstimate:
    """Generation of up to `sequence` tokens, prompt included, for `batch` items at once.

    weights      parameters * 2 or 4 bytes
    activations  one layer of the whole prompt, as in `training_memory`
    logits       the last position of each item: vocabulary * (its precision + float32)
    cache        keys and values: 2 * layers * sequence * kv_heads * head_dim an item
    overhead     the process, and a tenth of the rest
    """
    size = _WIDTH[precision]
    tokens = sequence * batch
    per_token = 12 * model.hidden + 4 * _attention(model) + 4 * model.intermediate
    return _with_overhead(
        weights=model.parameters * size,
        adapter=0,
        activations=size * tokens * per_token,
        logits=batch * model.vocabulary * (size + 4),
        cache=2 * model.layers * tokens * model.kv_heads * model.head_dim * size,
    )


def fits(estimate: MemoryEstimate, device: HasMemory) -> bool:
    """Whether the estimate is no more than what the device has available."""
    return estimate.total <= device.available_bytes


def fit_problem(estimate: MemoryEstimate, device: HasMemory, what: str) -> str | None:
    """None when it fits, else one sentence: `what` needs so much, the device has so much."""
    if fits(estimate, device):
        return None
    return (
        f"{what} needs about {estimate.total / GB:.1f} GB, "
        f"{device.available_bytes / GB:.1f} GB are available on {device.name}"
    )


def _with_overhead(
    *, weights: int, adapter: int, activations: int, logits: int, cache: int
) -> MemoryEstimate:
    parts = weights + adapter + activations + logits + cache
    overhead = _PROCESS_BYTES + round(_FRAGMENTATION * parts)
    return MemoryEstimate(weights, adapter, activations, logits, cache, overhead)


def _embedding_parameters(model: ModelNumbers) -> int:
    matrices = 1 if model.tied_embeddings else 2
    return min(matrices * model.vocabulary * model.hidden, model.parameters)


def _attention(model: ModelNumbers) -> int:
    """Width of the attention: all heads together."""
    return model.heads * model.head_dim


def _adapter_parameters(model: ModelNumbers, rank: int) -> int:
    queries, keys = _attention(model), model.kv_heads * model.head_dim
    attention = 2 * (model.hidden + queries) + 2 * (model.hidden + keys)
    feed_forward = 3 * (model.hidden + model.intermediate)
    return rank * model.layers * (attention + feed_forward)
