"""The device that models run on, found without torch: NVML for NVIDIA GPUs, else the CPU."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import psutil

from ptb_lite.errors import PtbLiteError
from ptb_lite.hardware.cgroup import read_limits
from ptb_lite.hardware.run_gpus import handle_of
from ptb_lite.installation import checkout, way_to_install

GB = 10**9


class DeviceError(PtbLiteError):
    """A device that was asked for and cannot be used here."""


@dataclass(frozen=True)
class Device:
    """Where models run.

    `memory_bytes` is all its memory, `available_bytes` what other programs leave of it now: the
    GPU's own for cuda, the machine's within the container's limits for cpu. `cores` counts the
    CPU cores this process may use. `capability` is CUDA's (major, minor), bfloat16 from
    (8, 0) on.
    """

    kind: Literal["cpu", "cuda"]
    name: str
    memory_bytes: int
    available_bytes: int
    cores: int
    capability: tuple[int, int] | None = None
    driver: str | None = None

    def describe(self) -> str:
        """One line for people and agents."""
        size = f"{self.memory_bytes / GB:.1f} GB"
        if self.kind == "cuda":
            return f"{self.name} with {size} of GPU memory, {self.cores} CPU cores"
        return f"{self.cores} CPU cores ({self.name}), {size} of memory, no GPU"


def detect_device(asked: Literal["auto", "cpu", "cuda"] = "auto") -> Device:
    """The device to use: for auto a usable NVIDIA GPU where there is one, else the CPU.

    Raises DeviceError (field `device`) when cuda is asked for and no GPU can be used.
    """
    if asked == "cpu":
        return cpu_device()
    gpu = cuda_device()
    if gpu is not None and not torch_is_cpu_build():
        return gpu
    if asked == "auto":
        return cpu_device()
    if gpu is None:
        raise DeviceError(
            "no NVIDIA GPU can be used here",
            field="device",
            hint="Check that nvidia-smi shows one, or take --device cpu",
        )
    raise DeviceError(
        f"there is a GPU ({gpu.name}), but torch is installed as its CPU build",
        field="device",
        hint=f"{gpu_build_hint()}, or take --device cpu",
    )


def gpu_build_hint() -> str:
    """How to get the torch that uses the GPU."""
    if checkout() is not None:
        return "Remove .venv and run scripts/setup"
    way = way_to_install()
    if way.startswith("uv"):
        verb = "uvx" if way.startswith("uvx ") else "install"
        return f"Run {way.replace(verb, f'{verb} --reinstall', 1)}"
    return f"Remove torch, then run {way}"


def cpu_device() -> Device:
    """The CPU and the memory that this process may use."""
    memory = psutil.virtual_memory()
    limits = read_limits()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if limits.cores is not None:
        cores = min(cores or 1, max(1, round(limits.cores)))
    return Device(
        kind="cpu",
        name=_processor_name(),
        memory_bytes=min(memory.total, limits.memory_bytes or memory.total),
        available_bytes=_available(memory.available, limits.available_bytes),
        cores=cores or 1,
    )


def cuda_device() -> Device | None:
    """The first visible NVIDIA GPU, None when there is none or its driver does not answer."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        return _read_card(pynvml)
    except pynvml.NVMLError:
        return None
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def torch_is_cpu_build() -> bool:
    """Whether the installed torch can never use a GPU (its version says so)."""
    try:
        return version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False


def visible_card(nvml: Any) -> Any | None:
    """NVML's handle of what CUDA would call device 0, with `nvml` initialised; None: no GPU."""
    return _first_visible(nvml, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _read_card(nvml: Any) -> Device | None:
    handle = visible_card(nvml)
    if handle is None:
        return None
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Device(
        kind="cuda",
        name=_text(nvml.nvmlDeviceGetName(handle)),
        memory_bytes=int(memory.total),
        available_bytes=int(memory.free),
        cores=cpu_device().cores,
        capability=(int(major), int(minor)),
        driver=_text(nvml.nvmlSystemGetDriverVersion()),
    )


def _first_visible(nvml: Any, visible: str | None) -> Any | None:
    """The handle that CUDA would call device 0; None when everything is hidden."""
    if visible is None:
        return nvml.nvmlDeviceGetHandleByIndex(0) if nvml.nvmlDeviceGetCount() else None
    return handle_of(nvml, visible.split(",")[0].strip())


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _available(machine: int, group: int | None) -> int:
    return machine if group is None else min(machine, group)


def _processor_name() -> str:
    with suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
