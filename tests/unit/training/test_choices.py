"""Every choice by capability, as a table; and that what is chosen reaches TRL and transformers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from transformers.training_args import OptimizerNames

from ptb_lite.training.config import TrainingConfig
from ptb_lite.training.planning.choices import (
    AttentionNeeds,
    Software,
    choose_attention,
    choose_optimiser,
    loss_reason,
)
from ptb_lite.training.planning.cost import Capability, ModelShape
from ptb_lite.training.planning.plan import choose_plan
from ptb_lite.training.train import sft_arguments

GEMMA = AttentionNeeds(model_type="gemma3_text", head_width=256, window=512, flash=True)
QWEN = AttentionNeeds(model_type="qwen3", head_width=128, flash=True)
OTHER = AttentionNeeds(model_type="gpt_oss", head_width=64, flash=True)
CAPPED = replace(GEMMA, obstacle="the model uses final_logit_softcapping")
NONE, TWO, THREE, BOTH = ((), (2,), (3,), (2, 3))
ADA, HOPPER, TURING, BLACKWELL = ((8, 9), (9, 0), (7, 5), (12, 0))


@pytest.mark.parametrize(
    ("needs", "installed", "compute", "bfloat16", "attention", "packed"),
    [
        (QWEN, NONE, HOPPER, True, "sdpa", False),
        (QWEN, TWO, ADA, True, "flash_attention_2", True),
        (QWEN, TWO, HOPPER, True, "flash_attention_2", True),
        (QWEN, BOTH, HOPPER, True, "flash_attention_3", True),
        (QWEN, BOTH, ADA, True, "flash_attention_2", True),
        (QWEN, BOTH, BLACKWELL, True, "flash_attention_2", True),
        (QWEN, THREE, HOPPER, True, "flash_attention_3", True),
        (QWEN, THREE, ADA, True, "sdpa", False),
        (QWEN, BOTH, TURING, True, "sdpa", False),
        (QWEN, BOTH, HOPPER, False, "sdpa", False),
        (GEMMA, TWO, ADA, True, "flash_attention_2", True),
        (replace(GEMMA, head_width=512), TWO, ADA, True, "sdpa", False),
        (OTHER, TWO, ADA, True, "flash_attention_2", False),
        (replace(OTHER, flash=False), TWO, ADA, True, "sdpa", False),
        (CAPPED, TWO, ADA, True, "flash_attention_2", False),
    ],
)
def test_attention_on_a_card(
    needs: AttentionNeeds,
    installed: tuple[int, ...],
    compute: tuple[int, int],
    bfloat16: bool,
    attention: str,
    packed: bool,
) -> None:
    chosen = choose_attention(
        needs,
        device="cuda",
        compute=compute,
        bfloat16=bfloat16,
        software=Software(flash_attention=installed),
        longest=1024,
    )
    assert (chosen.attention, chosen.padding_free) == (attention, packed)
    about_attention, about_packing = chosen.reasons
    assert attention in about_attention
    assert ("packed one after another" if packed else "packing off") in about_packing


@pytest.mark.parametrize(
    ("needs", "installed", "compute", "bfloat16", "attention", "because"),
    [
        (QWEN, NONE, ADA, True, "ptb_lite_varlen", "flash-attn is not installed"),
        (GEMMA, NONE, HOPPER, True, "ptb_lite_varlen", "flash-attn is not installed"),
        (QWEN, NONE, BLACKWELL, True, "ptb_lite_varlen", "flash-attn is not installed"),
        (QWEN, THREE, ADA, True, "ptb_lite_varlen", "is for other GPUs"),
        (replace(QWEN, flash=False), TWO, ADA, True, "ptb_lite_varlen", "knows no flash"),
        (QWEN, TWO, ADA, True, "flash_attention_2", "installed"),
        (QWEN, NONE, TURING, True, "sdpa", "since Ampere"),
        (QWEN, NONE, ADA, False, "sdpa", "16 bits"),
        (replace(GEMMA, head_width=320), NONE, HOPPER, True, "sdpa", "up to 256"),
        (replace(QWEN, head_width=100), NONE, HOPPER, True, "sdpa", "100 wide"),
        (replace(QWEN, head_width=208), NONE, HOPPER, True, "sdpa", "208 wide"),
        (OTHER, NONE, HOPPER, True, "sdpa", "not compared with padding on gpt_oss"),
        (CAPPED, NONE, HOPPER, True, "sdpa", "final_logit_softcapping"),
    ],
)
def test_attention_on_a_card_whose_torch_has_a_kernel_of_its_own(
    needs: AttentionNeeds,
    installed: tuple[int, ...],
    compute: tuple[int, int],
    bfloat16: bool,
    attention: str,
    because: str,
) -> None:
    chosen = choose_attention(
        needs,
        device="cuda",
        compute=compute,
        bfloat16=bfloat16,
        software=Software(flash_attention=installed, varlen=True),
        longest=1024,
        padding=0.3,
    )
    assert (chosen.attention, chosen.padding_free) == (attention, attention != "sdpa")
    assert because in chosen.reasons[0]


@pytest.mark.parametrize(
    ("needs", "longest", "padding", "attention"),
    [
        (QWEN, 1024, 0.0, "sdpa"),
        (QWEN, 1024, 0.05, "sdpa"),
        (QWEN, 1024, 0.06, "ptb_lite_varlen"),
        (GEMMA, 1024, 0.0, "ptb_lite_varlen"),
        (GEMMA, 512, 0.0, "sdpa"),
        (GEMMA, 512, 0.4, "ptb_lite_varlen"),
    ],
)
def test_padded_attention_on_a_card_where_there_is_hardly_any_padding(
    needs: AttentionNeeds, longest: int, padding: float, attention: str
) -> None:
    chosen = choose_attention(
        needs,
        device="cuda",
        compute=HOPPER,
        bfloat16=True,
        software=Software(varlen=True),
        longest=longest,
        padding=padding,
    )
    assert chosen.attention == attention
    assert ("of nearly one length" in chosen.reasons[0]) is (attention == "sdpa")


@pytest.mark.parametrize(
    ("needs", "longest", "attention", "because"),
    [
        (GEMMA, 80, "ptb_lite_padded", "faster one by one"),
        (GEMMA, 256, "ptb_lite_padded", "faster one by one"),
        (GEMMA, 257, "sdpa", "only up to 256"),
        (replace(GEMMA, window=64), 80, "sdpa", "window of 64"),
        (replace(GEMMA, window=80), 80, "ptb_lite_padded", "faster one by one"),
        (OTHER, 80, "sdpa", "not compared with padding on gpt_oss"),
        (CAPPED, 80, "sdpa", "final_logit_softcapping"),
        (AttentionNeeds(), 80, "sdpa", "this kind of model"),
    ],
)
def test_attention_on_a_processor(
    needs: AttentionNeeds, longest: int, attention: str, because: str
) -> None:
    chosen = choose_attention(
        needs,
        device="cpu",
        compute=(0, 0),
        bfloat16=True,
        software=Software(flash_attention=BOTH),
        longest=longest,
    )
    assert chosen.attention == attention
    assert chosen.padding_free is (attention == "ptb_lite_padded")
    assert because in chosen.reasons[0]


@pytest.mark.parametrize(
    ("device", "installed", "fits", "optimiser"),
    [
        ("cuda", True, True, "adamw_torch_fused"),
        ("cuda", True, False, "paged_adamw_8bit"),
        ("cuda", False, False, "adamw_torch_fused"),
        ("cpu", True, False, "adamw_torch_fused"),
        ("cpu", False, True, "adamw_torch_fused"),
    ],
)
def test_optimiser(device: str, installed: bool, fits: bool, optimiser: str) -> None:
    software = Software(eight_bit_optimiser=installed)
    found, why = choose_optimiser(device=device, software=software, fits=fits)  # type: ignore[arg-type]
    assert found == optimiser
    assert "AdamW" in why
    OptimizerNames(found)


def test_the_loss_says_whose_it_is() -> None:
    assert "never exist whole" in loss_reason(None)
    assert "softcapping" in loss_reason("the model uses softcapping")


def shape(needs: AttentionNeeds) -> ModelShape:
    return ModelShape(
        parameters=268_000_000,
        linear=100_000_000,
        layers=18,
        hidden=640,
        intermediate=2048,
        vocabulary=262_144,
        needs=needs,
    )


@pytest.mark.parametrize(
    ("device", "gigabytes", "needs", "installed", "compute", "nf4"),
    list(
        product(
            ("cpu", "cuda"),
            (0.1, 4.0, 100.0),
            (GEMMA, QWEN, OTHER, CAPPED),
            (NONE, BOTH),
            (TURING, HOPPER),
            (True, False),
        )
    ),
)
def test_every_plan_is_one_that_trl_takes(
    device: str,
    gigabytes: float,
    needs: AttentionNeeds,
    installed: tuple[int, ...],
    compute: tuple[int, int],
    nf4: bool,
    tmp_path: Path,
) -> None:
    capability = Capability(
        device=device,  # type: ignore[arg-type]
        memory_free=int(gigabytes * 1e9),
        fast_bfloat16=compute >= (8, 0),
        compute=compute,
        software=Software(flash_attention=installed, eight_bit_optimiser=device == "cuda"),
    )
    plan = choose_plan(capability, shape(needs), nf4=nf4, batch_tokens=16 * 80, batch_size=16)
    assert not plan.padding_free or plan.attention != "sdpa"
    assert plan.fused
    assert (plan.optimiser == "paged_adamw_8bit") is (device == "cuda" and gigabytes == 0.1)
    said = " | ".join(plan.reasons)
    for word in ("float", "checkpointing", "attention", "pack", "loss", "compiled", "optimiser"):
        assert word in said or (word == "loss" and "logits never exist" in said)
    # bf16 on a machine that lacks it is refused by the arguments themselves: here only the choices.
    arguments = sft_arguments(
        TrainingConfig(base_model=tmp_path, data=tmp_path, output=tmp_path),
        replace(plan, device="cpu"),
        tmp_path,
    )
    assert arguments.optim == plan.optimiser
    assert not arguments.gradient_checkpointing, "layers are checkpointed one by one"
