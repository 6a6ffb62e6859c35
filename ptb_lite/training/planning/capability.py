"""What this machine and a model folder are like: the facts that `choose_plan` decides by."""

from __future__ import annotations

import inspect
import time
from typing import Any

import psutil
import torch

from ptb_lite.training.layers import compiler_works
from ptb_lite.training.planning.choices import AttentionNeeds, Software
from ptb_lite.training.planning.cost import Capability, ModelShape
from ptb_lite.training.supervised_head import can_override


def probe() -> Capability:
    """The first visible GPU when there is one, else the CPU."""
    if torch.cuda.is_available():
        free, _total = torch.cuda.mem_get_info()
        return Capability(
            device="cuda",
            memory_free=free,
            fast_bfloat16=torch.cuda.is_bf16_supported(False),
            rate=matmul_rate(),
            compute=torch.cuda.get_device_capability(),
            software=cuda_software(),
        )
    return Capability(
        device="cpu",
        memory_free=psutil.virtual_memory().available,
        fast_bfloat16=_cpu_multiplies_bfloat16(),
    )


def cuda_software() -> Software:
    """What is installed for a GPU. Only packages count: nothing is fetched as a kernel."""
    from transformers.utils import (
        is_bitsandbytes_available,
        is_flash_attn_2_available,
        is_flash_attn_3_available,
    )

    found = ((2, is_flash_attn_2_available()), (3, is_flash_attn_3_available()))
    return Software(
        flash_attention=tuple(version for version, there in found if there),
        eight_bit_optimiser=is_bitsandbytes_available(),
        varlen=_has_varlen(),
        compiler=compiler_works(),
    )


def _has_varlen() -> bool:
    """Whether torch offers its flash kernel for padding-free batches, windows included."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return False
    return "window_size" in inspect.signature(varlen_attn).parameters


def matmul_rate(size: int = 4096, count: int = 5) -> float:
    """Operations a second of a dense matmul of size x size on the GPU, random data."""
    dtype = torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    a, b = (torch.randn(size, size, device="cuda", dtype=dtype) for _ in range(2))
    a @ b
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(count):
        a @ b
    torch.cuda.synchronize()
    return count * 2 * size**3 / (time.perf_counter() - began)


def model_shape(config: Any) -> ModelShape:
    """Sizes of a transformers config, counted on a model of that config without memory."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    head = model.get_output_embeddings()
    linear = sum(
        module.weight.numel()
        for module in model.modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    )
    text = config.get_text_config()
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return ModelShape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        linear=linear,
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        vocabulary=text.vocab_size,
        attention=text.num_attention_heads * width,
        keys=(getattr(text, "num_key_value_heads", None) or text.num_attention_heads) * width,
        needs=AttentionNeeds(
            model_type=text.model_type,
            head_width=width,
            window=_window(text),
            flash=bool(getattr(model, "_supports_flash_attn", False)),
            obstacle=can_override(model),
        ),
    )


def _window(config: Any) -> int:
    """The sliding window in tokens, 0 where no layer has one."""
    kinds = getattr(config, "layer_types", None) or ()
    return int(config.sliding_window or 0) if "sliding_attention" in kinds else 0


def _cpu_multiplies_bfloat16() -> bool:
    """AVX512-BF16 or AMX on x86, the bf16 extension on ARM."""
    supported = torch.cpu.get_capabilities()
    names = ("avx512_bf16", "amx_bf16", "amx_tile", "bf16")
    return any(bool(supported.get(name)) for name in names)
