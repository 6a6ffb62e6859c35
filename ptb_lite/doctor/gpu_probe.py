"""`python -m ptb_lite.doctor.gpu_probe`: what torch and bitsandbytes can do on the first GPU.

Imports torch, so it is a process of its own; prints one JSON object, `GpuProbe`.
"""

from __future__ import annotations

from ptb_lite.doctor.gpu_checks import GpuProbe


def probe() -> GpuProbe:
    """Really multiplies in bfloat16 and packs a matrix into NF4, rather than reading versions."""
    import torch

    if not torch.cuda.is_available():
        return GpuProbe(torch_error="torch sees no CUDA device")
    try:
        one = torch.ones(64, 64, device="cuda", dtype=torch.bfloat16)
        bfloat16 = torch.cuda.is_bf16_supported(False) and float((one @ one)[0, 0]) == 64.0
    except RuntimeError as error:
        return GpuProbe(torch_error=_line(error))
    try:
        from bitsandbytes.functional import dequantize_4bit, quantize_4bit

        packed, state = quantize_4bit(one, quant_type="nf4")
        problem = "" if bool((dequantize_4bit(packed, state) == one).all()) else "NF4 of 1 is not 1"
    except (ImportError, RuntimeError, AttributeError, OSError) as failure:
        problem = _line(failure)
    return GpuProbe(bfloat16=bfloat16, four_bit_error=problem)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


if __name__ == "__main__":
    print(probe().model_dump_json())
