"""Devices, with NVML's answers played by a stand-in: this machine may have no GPU."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from ptb_lite.hardware import DeviceError, detect_device, device
from ptb_lite.hardware.cgroup import Limits

GB = 10**9


class FakeError(Exception):
    pass


class FakeNvml:
    """The part of pynvml that is used, for the GPUs `names`."""

    NVMLError = FakeError

    def __init__(self, *names: str | bytes, broken: str = "") -> None:
        self.names = names
        self.broken = broken
        self.shut = 0

    def __getattr__(self, call: str) -> Any:
        def answer(*arguments: Any) -> Any:
            if call == self.broken:
                raise FakeError(call)
            match call:
                case "nvmlInit":
                    return None
                case "nvmlShutdown":
                    self.shut += 1
                    return None
                case "nvmlDeviceGetCount":
                    return len(self.names)
                case "nvmlDeviceGetHandleByIndex":
                    return arguments[0]
                case "nvmlDeviceGetHandleByUUID":
                    return 1
                case "nvmlDeviceGetMemoryInfo":
                    return SimpleNamespace(total=12 * GB, free=11 * GB)
                case "nvmlDeviceGetCudaComputeCapability":
                    return (8, 9)
                case "nvmlDeviceGetName":
                    return self.names[arguments[0]]
                case "nvmlSystemGetDriverVersion":
                    return b"580.1"
            raise AttributeError(call)

        return answer


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """Two GPUs, a torch that can use them, nothing hidden."""
    nvml = FakeNvml("First Card", b"Second Card")
    monkeypatch.setitem(sys.modules, "pynvml", nvml)  # type: ignore[arg-type]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(device, "torch_is_cpu_build", lambda: False)
    return nvml


def test_the_processor_is_this_machine() -> None:
    found = detect_device("cpu")
    assert found.kind == "cpu"
    assert 0 < found.available_bytes <= found.memory_bytes <= psutil.virtual_memory().total
    assert 1 <= found.cores <= (psutil.cpu_count() or 1)
    assert found.describe().endswith("no GPU")


def test_limits_of_the_container_count(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(2 * GB, GB, 0.5)
    monkeypatch.setattr(device, "read_limits", lambda: limits)
    found = detect_device("cpu")
    assert (found.memory_bytes, found.available_bytes, found.cores) == (2 * GB, GB, 1)


def test_a_card_is_taken_when_there_is_one(gpu: FakeNvml) -> None:
    found = detect_device("auto")
    assert (found.kind, found.name, found.capability) == ("cuda", "First Card", (8, 9))
    assert (found.memory_bytes, found.available_bytes) == (12 * GB, 11 * GB)
    assert found.driver == "580.1"
    assert found.describe().startswith("First Card with 12.0 GB of GPU memory")
    assert gpu.shut == 1


@pytest.mark.parametrize(
    ("visible", "name"),
    [
        ("1", "Second Card"),
        ("1,0", "Second Card"),
        ("GPU-6a3f", "Second Card"),
        ("MIG-6a3f", "Second Card"),
        ("", None),
        ("-1", None),
        ("7", None),
    ],
)
@pytest.mark.usefixtures("gpu")
def test_hidden_cards_are_not_used(
    monkeypatch: pytest.MonkeyPatch, visible: str, name: str | None
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = device.cuda_device()
    assert (found.name if found else None) == name


@pytest.mark.parametrize("call", ["nvmlInit", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetCount"])
def test_a_driver_that_does_not_answer_is_no_gpu(gpu: FakeNvml, call: str) -> None:
    gpu.broken = call
    assert device.cuda_device() is None
    assert detect_device("auto").kind == "cpu"
    with pytest.raises(DeviceError, match="no NVIDIA GPU can be used"):
        detect_device("cuda")


@pytest.mark.usefixtures("gpu")
def test_a_card_without_a_torch_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "torch_is_cpu_build", lambda: True)
    assert detect_device("auto").kind == "cpu"
    with pytest.raises(DeviceError, match=r"device: there is a GPU .* CPU build.*scripts/setup"):
        detect_device("cuda")


def test_looking_needs_no_torch() -> None:
    source = "import sys, ptb_lite.hardware as h, ptb_lite.doctor.checks; h.detect_device()\n"
    source += "print(*{'torch', 'transformers', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
