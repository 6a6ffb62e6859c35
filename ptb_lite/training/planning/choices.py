"""Attention, loss and optimiser of a training run: pure choices by capability, each with a reason.

The packages `flash-attn` and `flash-attn-3` have not been run on a GPU; what is chosen without
them has (bench/NOTES.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Attention = Literal[
    "sdpa", "flash_attention_2", "flash_attention_3", "ptb_lite_varlen", "ptb_lite_padded"
]
Optimiser = Literal["adamw_torch_fused", "paged_adamw_8bit"]

# Models whose attention was compared, example by example, with the padded one.
PADDING_FREE_MODELS = frozenset({"gemma3_text", "llama", "qwen3", "smollm3"})
# What attention by rows keeps grows with the square of an example; torch's own keeps none of it.
PADDED_TOKENS = 256
FLASH_HEAD_WIDTH = 256
# With less padding than this torch's attention for padded batches is faster on a GPU: with none it
# took 0.94 to 0.97 times as long (bench/NOTES.md).
SPARE_PADDING = 0.05
# torch's own kernel: heads in steps of so many, and widths without a backward pass on GPUs that
# are neither an A100 nor of their size.
HEAD_STEP = 8
UNTRAINED_WIDTHS = range(193, 225)
AMPERE, HOPPER = (8, 0), 9


@dataclass(frozen=True)
class Software:
    """Optional accelerators that this Python can import and this device can use: versions of flash
    attention, bitsandbytes's 8-bit optimisers, and whether this torch has the interface to its own
    flash kernel that padding-free attention needs, and whether torch.compile works."""

    flash_attention: tuple[int, ...] = ()
    eight_bit_optimiser: bool = False
    varlen: bool = False
    compiler: bool = False


@dataclass(frozen=True)
class AttentionNeeds:
    """What decides the attention: the kind of the text model (`model_type`), a head's width, the
    sliding window in tokens (0: none), whether transformers lets it use flash attention, why the
    head cannot be ours (None: it can)."""

    model_type: str = ""
    head_width: int = 0
    window: int = 0
    flash: bool = False
    obstacle: str | None = None


@dataclass(frozen=True)
class AttentionChoice:
    """`padding_free`: a batch's examples lie one after another, without padding."""

    attention: Attention
    padding_free: bool
    reasons: tuple[str, ...]


def choose_attention(
    needs: AttentionNeeds,
    *,
    device: Literal["cpu", "cuda"],
    compute: tuple[int, int],
    bfloat16: bool,
    software: Software,
    longest: int,
    padding: float = 0.0,
) -> AttentionChoice:
    """The attention and whether batches are packed.

    `longest` is the longest example in tokens, `padding` the share of padding if all examples were
    made as long as that.
    """
    name, why = (
        _cuda_attention(needs, compute, bfloat16, software, _uneven(needs, longest, padding))
        if device == "cuda"
        else _cpu_attention(needs, longest)
    )
    padding_free = name != "sdpa" and _packing_obstacle(needs) is None
    packing = (
        "a batch's examples are packed one after another, so no padding is computed: this "
        "attention keeps them apart (TRL's packing would change which examples make a batch)"
        if padding_free
        else f"packing off: {_packing_obstacle(needs) or 'sdpa would let examples see each other'}"
    )
    return AttentionChoice(name, padding_free, (f"attention {name}: {why}", packing))


def _packing_obstacle(needs: AttentionNeeds) -> str | None:
    if needs.obstacle is not None:
        return f"the loss is TRL's ({needs.obstacle})"
    if needs.model_type not in PADDING_FREE_MODELS:
        return f"not compared with padding on {needs.model_type or 'this kind of model'}"
    return None


def _uneven(needs: AttentionNeeds, longest: int, padding: float) -> bool:
    """Whether padded attention has padding to compute, or a mask, which windows need."""
    return padding > SPARE_PADDING or 0 < needs.window < longest


def _cuda_attention(
    needs: AttentionNeeds,
    compute: tuple[int, int],
    bfloat16: bool,
    software: Software,
    uneven: bool,
) -> tuple[Attention, str]:
    if not bfloat16:
        return "sdpa", "flash attention computes in 16 bits, this run in float32"
    if compute < AMPERE:
        return "sdpa", f"flash attention needs a GPU since Ampere, this one is {compute}"
    if needs.head_width > FLASH_HEAD_WIDTH:
        return "sdpa", f"flash attention takes heads up to {FLASH_HEAD_WIDTH} wide"
    package, lacking = _flash_package(needs, compute, software)
    if package is not None:
        return package
    own = _varlen_obstacle(needs, software)
    if own is None and not uneven:
        return "sdpa", "examples are of nearly one length, where torch's padded attention is faster"
    if own is None:
        return "ptb_lite_varlen", f"torch's own flash kernel ({lacking})"
    return "sdpa", f"{lacking}; torch's own flash kernel: {own}"


def _flash_package(
    needs: AttentionNeeds, compute: tuple[int, int], software: Software
) -> tuple[tuple[Attention, str] | None, str]:
    """The flash attention of a package and why, or None and why not."""
    if not software.flash_attention:
        return None, "the package flash-attn is not installed"
    if not needs.flash:
        return None, f"{needs.model_type or 'this kind of model'} knows no flash attention"
    if 3 in software.flash_attention and compute[0] == HOPPER:
        return ("flash_attention_3", "installed, and made for GPUs like this one"), ""
    if 2 in software.flash_attention:
        return ("flash_attention_2", "installed, and this GPU can"), ""
    return None, "the flash attention that is installed is for other GPUs"


def _varlen_obstacle(needs: AttentionNeeds, software: Software) -> str | None:
    if not software.varlen:
        return "this torch has no interface to it"
    if needs.head_width % HEAD_STEP or needs.head_width in UNTRAINED_WIDTHS:
        return f"no gradients for heads {needs.head_width} wide"
    return _packing_obstacle(needs)


def _cpu_attention(needs: AttentionNeeds, longest: int) -> tuple[Attention, str]:
    obstacle = _packing_obstacle(needs)
    if obstacle is not None:
        return "sdpa", obstacle
    if longest > PADDED_TOKENS:
        return "sdpa", f"examples of up to {longest} tokens: by rows only up to {PADDED_TOKENS}"
    if 0 < needs.window < longest:
        return "sdpa", f"a window of {needs.window} tokens is shorter than an example"
    return "ptb_lite_padded", f"examples of up to {longest} tokens are faster one by one on a CPU"


def choose_optimiser(
    *, device: Literal["cpu", "cuda"], software: Software, fits: bool
) -> tuple[Optimiser, str]:
    """The optimiser and why; `fits` says whether the run fits with all of Adam's moments."""
    if fits:
        return "adamw_torch_fused", "optimiser AdamW, fused: its moments fit in float32"
    if device == "cuda" and software.eight_bit_optimiser:
        return (
            "paged_adamw_8bit",
            "optimiser AdamW with moments of 8 bits in pages that leave a full GPU: "
            "by estimate nothing larger fits",
        )
    lacking = "there is no GPU" if device == "cpu" else "bitsandbytes cannot be used"
    return "adamw_torch_fused", f"optimiser AdamW, fused: short of memory, but {lacking}"


def loss_reason(obstacle: str | None) -> str:
    """Whose loss, and why. Liger is no choice: TRL 1.16 turns its loss off and drops the rest."""
    if obstacle is None:
        return (
            "the head on supervised positions only, 128 rows of logits at a time: "
            "logits never exist whole"
        )
    return f"TRL's loss, in chunks: {obstacle}"
