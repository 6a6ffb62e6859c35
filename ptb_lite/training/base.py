"""The frozen base model, in NF4 or plain, ready for an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ptb_lite.training.kernels import padded_attention as padded_attention  # registers its name
from ptb_lite.training.kernels import varlen_attention as varlen_attention
from ptb_lite.training.layers import decoder_layers, plain_linear, share_weights
from ptb_lite.training.planning.plan import TrainingPlan


def load_base(folder: Path, plan: TrainingPlan) -> Any:
    """The causal language model of `folder`, safetensors only, no code from the folder.

    Raises OSError or ValueError when the folder holds no such model.
    """
    from transformers import AutoModelForCausalLM

    dtype = getattr(torch, plan.dtype)
    extra = {"quantization_config": nf4_config(plan.dtype)} if plan.quantise else {}
    model = AutoModelForCausalLM.from_pretrained(
        str(folder),
        dtype=dtype,
        # Left to transformers, which knows the models that can do no better than eager.
        attn_implementation=None if plan.attention == "sdpa" else plan.attention,
        device_map={"": 0} if plan.device == "cuda" else None,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        **extra,
    )
    if plan.quantise and plan.unpack_once:
        unpack(model, dtype)
        _forget_quantisation(model)
    elif plan.quantise and decoder_layers(model):
        share_weights(model)
        _forget_quantisation(model)
    return model


def nf4_config(dtype: str) -> Any:
    """4-bit NormalFloat with double quantisation (Dettmers et al. 2023, QLoRA, section 3)."""
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )


def unpack(model: Any, dtype: torch.dtype) -> None:
    """Replace each 4-bit layer by a plain one that holds the same NF4-rounded numbers, in place.

    bitsandbytes dequantises a layer's weights to the compute dtype for every matmul, forward and
    backward; frozen weights give the same numbers each time, so once is enough.
    """
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    packed = [(name, m) for name, m in model.named_modules() if isinstance(m, Linear4bit)]
    for name, module in packed:
        weight = dequantize_4bit(module.weight.data, module.weight.quant_state).to(dtype)
        frozen = torch.nn.Parameter(weight, requires_grad=False)
        model.set_submodule(name, plain_linear(module, frozen))


def _forget_quantisation(model: Any) -> None:
    """The model's layers are plain now: PEFT and TRL act on what says otherwise."""
    model.is_quantized = False
    model.is_loaded_in_4bit = False
    for attribute in ("hf_quantizer", "quantization_method"):
        if hasattr(model, attribute):
            delattr(model, attribute)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
