"""This machine's devices and what fits on them. `doctor.py` holds the checks of `ptb-lite doctor`.

Nothing here imports torch.
"""

from __future__ import annotations

from ptb_lite.hardware.device import Device, DeviceError, detect_device
from ptb_lite.hardware.memory import (
    MemoryEstimate,
    ModelShape,
    evaluation_memory,
    fit_problem,
    fits,
    training_memory,
)

__all__ = [
    "Device",
    "DeviceError",
    "MemoryEstimate",
    "ModelShape",
    "detect_device",
    "evaluation_memory",
    "fit_problem",
    "fits",
    "training_memory",
]
