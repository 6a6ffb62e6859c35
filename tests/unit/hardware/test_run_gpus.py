"""Which GPUs are the run's, with NVML's answers played by a stand-in."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ptb_lite.hardware.run_gpus import RunGpus, gpu_nodes, run_gpus


class FakeError(Exception):
    pass


def uuid_to_handle(name: str) -> int:
    known = {"GPU-a": 0, "GPU-b": 1, "MIG-b0": 11}
    if name not in known:
        raise FakeError("not found")
    return known[name]


@pytest.fixture(autouse=True)
def nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs whose minors are not their indices; a MIG device on the second."""
    fake = SimpleNamespace(
        NVMLError=FakeError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetHandleByUUID=uuid_to_handle,
        nvmlDeviceGetUUID={0: "GPU-a", 1: b"GPU-b", 11: "MIG-b0"}.__getitem__,
        nvmlDeviceGetMinorNumber={0: 3, 1: 2}.__getitem__,
        nvmlDeviceGetDeviceHandleFromMigDeviceHandle={11: 1}.__getitem__,
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, None),
        ("", None),
        ("0", RunGpus("GPU-a", (3,))),
        ("1, 0", RunGpus("GPU-b,GPU-a", (2, 3))),
        ("GPU-b", RunGpus("GPU-b", (2,))),
        ("MIG-b0", RunGpus("MIG-b0", (2,))),
        ("1,-1,0", RunGpus("GPU-b", (2,))),
        ("7", None),
        ("GPU-of-another-machine", None),
    ],
)
def test_what_the_variable_names(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, expected: RunGpus | None
) -> None:
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert run_gpus() == expected


def test_another_ones_gpu_is_not_shown(tmp_path: Path) -> None:
    for name in ("nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-caps", "null"):
        (tmp_path / name).touch()
    shown = [node.name for node in gpu_nodes(RunGpus("GPU-b", (2,)), tmp_path)]
    assert shown == ["nvidia-caps", "nvidia-uvm", "nvidia2", "nvidiactl"]
