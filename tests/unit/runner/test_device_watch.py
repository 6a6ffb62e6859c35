"""The machine's samples reach the journal, and nothing about them can fail a run."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ptb_lite.events import DeviceSampled, Record
from ptb_lite.hardware.processes import process_name
from ptb_lite.runner.console.lines import PlainLines
from ptb_lite.runner.device_watch import DeviceWatch, sample_device
from ptb_lite.runs.journal import JournalWriter, read_journal
from tests.unit.runner.test_lines import event


class Journal:
    def __init__(self, wanted: int, fails: type[Exception] | None = None) -> None:
        self.taken: list[Record] = []
        self.enough = threading.Event()
        self._wanted = wanted
        self._fails = fails

    def write(self, payload: Record) -> None:
        self.taken.append(payload)
        if len(self.taken) >= self._wanted:
            self.enough.set()
        if self._fails is not None:
            raise self._fails("no space left")


def test_samples_come_until_the_end(tmp_path: Path) -> None:
    journal = Journal(3)
    with DeviceWatch(journal, every=0.01):
        assert journal.enough.wait(20)
    count = len(journal.taken)
    writer = JournalWriter(tmp_path / "journal.jsonl")
    for payload in journal.taken:
        writer.write(payload)
    writer.close()
    found = read_journal(tmp_path / "journal.jsonl")
    assert found.skipped == 0
    assert len(found.events) == count
    sample = found.events[-1].payload
    assert isinstance(sample, DeviceSampled)
    assert sample.cpu is not None
    assert 0 <= sample.cpu <= 1
    assert sample.memory_total is not None
    assert sample.memory_used is not None
    assert 0 < sample.memory_used <= sample.memory_total


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_a_journal_that_cannot_be_written_ends_the_watch(error: type[Exception]) -> None:
    journal = Journal(1, error)
    with DeviceWatch(journal, every=0.01) as watch:
        assert journal.enough.wait(20)
        watch._thread.join(20)
        assert not watch._thread.is_alive()
    assert len(journal.taken) == 1


class NvmlError(Exception):
    pass


def nvml(**parts: Callable[..., object]) -> SimpleNamespace:
    def lacking(*_: object) -> object:
        raise NvmlError

    return SimpleNamespace(
        **{
            "NVMLError": NvmlError,
            "NVML_TEMPERATURE_GPU": 0,
            "nvmlInit": lambda: None,
            "nvmlShutdown": lambda: None,
            "nvmlDeviceGetCount": lambda: 1,
            "nvmlDeviceGetHandleByIndex": lambda _index: "card",
            "nvmlDeviceGetMemoryInfo": lambda _card: SimpleNamespace(used=5, total=10),
            "nvmlDeviceGetUtilizationRates": lacking,
            "nvmlDeviceGetTemperature": lacking,
            "nvmlDeviceGetComputeRunningProcesses": lacking,
            "nvmlDeviceGetPowerUsage": lacking,
            **parts,
        }
    )


def test_a_card_is_read_as_far_as_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    whole = nvml(
        nvmlDeviceGetUtilizationRates=lambda _card: SimpleNamespace(gpu=87),
        nvmlDeviceGetTemperature=lambda _card, _sensor: 71,
        nvmlDeviceGetPowerUsage=lambda _card: 210_500,
        nvmlDeviceGetComputeRunningProcesses=lambda _card: [
            SimpleNamespace(pid=os.getpid(), usedGpuMemory=4),
            SimpleNamespace(pid=1, usedGpuMemory=3),
        ],
    )
    monkeypatch.setitem(sys.modules, "pynvml", whole)
    sample = sample_device()
    assert (sample.gpu, sample.gpu_temperature, sample.gpu_power) == (0.87, 71.0, 210.5)
    # Only the run's own processes, and what they are called.
    assert [each.gpu_memory for each in sample.processes if each.gpu_memory] == [4]
    assert (sample.gpu_memory_used, sample.gpu_memory_total) == (5, 10)
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    sample = sample_device()
    assert (sample.gpu, sample.gpu_temperature, sample.gpu_power) == (None, None, None)
    assert sample.gpu_memory_total == 10


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/usr/bin/python3.12", "-u", "/w/evaluate.py", "--model", "x"], "evaluate.py"),
        (["python", "-m", "ptb_lite.evaluation.engine.worker", "J"], "ptb_lite.evaluation.engine"),
        (["claude", "--secret"], "claude"),
        ([], "claude"),
        (["python"], "claude"),
    ],
)
def test_a_process_is_called_by_what_it_runs(command: list[str], name: str) -> None:
    assert process_name("claude", command).startswith(name)


def test_no_driver_or_a_lost_card_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> object:
        raise NvmlError

    for part in ("nvmlInit", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetCount"):
        monkeypatch.setitem(sys.modules, "pynvml", nvml(**{part: lost}))
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        assert sample_device().gpu_memory_total is None


def test_plain_lines_say_nothing_of_samples() -> None:
    assert PlainLines().of(event(DeviceSampled(cpu=0.5))) == []
