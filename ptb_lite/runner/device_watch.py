"""What the machine does while a run goes on, into the journal, so that views only read that."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol

import psutil

from ptb_lite.events import DeviceSampled, Record
from ptb_lite.hardware.cgroup import read_limits
from ptb_lite.hardware.device import visible_card
from ptb_lite.hardware.processes import run_processes

EVERY_SECONDS = 5.0
# A driver that has lost its GPU may never answer; the run does not wait for it.
_LAST_ANSWER_SECONDS = 2.0


class Journal(Protocol):
    def write(self, payload: Record) -> object: ...


class DeviceWatch:
    """Writes a `DeviceSampled` every `every` seconds until it is closed.

    What the machine does not say is None. Nothing here can fail a run: a sample that cannot be
    taken is left out, and a journal that cannot be written ends the watch.
    """

    def __init__(self, journal: Journal, every: float = EVERY_SECONDS) -> None:
        self._journal = journal
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="device-watch", daemon=True)

    def __enter__(self) -> DeviceWatch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(_LAST_ANSWER_SECONDS)

    def _watch(self) -> None:
        # The first reading has nothing to be compared with and is thrown away.
        psutil.cpu_percent()
        while not self._ended.wait(self._every):
            sample = sample_device()
            if self._ended.is_set():
                return
            try:
                self._journal.write(sample)
            except (OSError, ValueError):
                return


def sample_device() -> DeviceSampled:
    """The CPUs' share since the last call, and memory and the first visible GPU as of now."""
    memory = psutil.virtual_memory()
    limits = read_limits()
    total = min(memory.total, limits.memory_bytes or memory.total)
    left = memory.available
    if limits.available_bytes is not None:
        left = min(left, limits.available_bytes)
    gpu = _gpu()
    on_gpu = gpu.pop("by_process", {})
    return DeviceSampled(
        processes=run_processes(on_gpu),
        cpu=psutil.cpu_percent() / 100,
        memory_used=max(0, total - left),
        memory_total=total,
        **gpu,
    )


def _gpu() -> dict[str, Any]:
    """Fields of the GPU, and bytes `by_process` of those that it knows; empty where there is none,
    or where it does not answer any more."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return {}
    try:
        return _read_card(pynvml)
    except pynvml.NVMLError:
        return {}
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _read_card(nvml: Any) -> dict[str, Any]:
    handle = visible_card(nvml)
    if handle is None:
        return {}
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    found: dict[str, Any] = {
        "gpu_memory_used": int(memory.used),
        "gpu_memory_total": int(memory.total),
    }
    # Laptop GPUs and virtual ones leave some of these out.
    with suppress(nvml.NVMLError):
        found["gpu"] = nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    with suppress(nvml.NVMLError):
        sensor = nvml.NVML_TEMPERATURE_GPU
        found["gpu_temperature"] = float(nvml.nvmlDeviceGetTemperature(handle, sensor))
    with suppress(nvml.NVMLError):
        found["by_process"] = {
            each.pid: int(each.usedGpuMemory or 0)
            for each in nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        }
    with suppress(nvml.NVMLError):
        found["gpu_power"] = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
    return found
