"""What of a GPU's software works: checked in a process of its own, since it needs torch."""

from __future__ import annotations

import importlib.util
import subprocess

from pydantic import ValidationError

from ptb_lite.events import Record
from ptb_lite.installation import own_program

_PROBE_SECONDS = 120.0
_FLASH_ATTENTION = ("flash_attn", "flash_attn_3")


class GpuProbe(Record):
    """What `gpu_probe` prints. Errors are one line, empty when all is well."""

    torch_error: str = ""
    bfloat16: bool = False
    four_bit_error: str = ""


def probe_gpu() -> GpuProbe:
    """Starts the probe and waits for it, two minutes at most."""
    command = own_program("ptb_lite.doctor.gpu_probe")
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return GpuProbe(torch_error=str(error)[:200])
    try:
        return GpuProbe.model_validate_json(done.stdout.strip().splitlines()[-1])
    except (ValidationError, IndexError):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return GpuProbe(torch_error=(said or [f"exit code {done.returncode}"])[-1][:200])


def has_flash_attention() -> bool:
    """Whether it is installed; nothing needs it."""
    return any(importlib.util.find_spec(module) is not None for module in _FLASH_ATTENTION)
