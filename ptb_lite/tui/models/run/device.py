"""The machine's samples, as shares, the last few of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ptb_lite.events import DeviceSampled
from ptb_lite.tui.models.run.view import DeviceView

RECENT_SAMPLES = 120


def _recent() -> deque[float]:
    return deque(maxlen=RECENT_SAMPLES)


@dataclass
class DeviceFold:
    """Takes samples in order; `view` says what there is to show."""

    last: DeviceSampled | None = None
    had_gpu: bool = False
    cpu: deque[float] = field(default_factory=_recent)
    memory: deque[float] = field(default_factory=_recent)
    gpu: deque[float] = field(default_factory=_recent)
    gpu_memory: deque[float] = field(default_factory=_recent)

    def take(self, sample: DeviceSampled) -> None:
        shares = (
            (self.cpu, sample.cpu),
            (self.memory, _share(sample.memory_used, sample.memory_total)),
            (self.gpu, sample.gpu),
            (self.gpu_memory, _share(sample.gpu_memory_used, sample.gpu_memory_total)),
        )
        self.last = sample
        self.had_gpu = self.had_gpu or sample.gpu_memory_total is not None
        for kept, share in shares:
            if share is not None:
                kept.append(min(1.0, max(0.0, share)))

    def view(self) -> DeviceView | None:
        if self.last is None:
            return None
        return DeviceView(
            last=self.last,
            cpu=tuple(self.cpu),
            memory=tuple(self.memory),
            gpu=tuple(self.gpu),
            gpu_memory=tuple(self.gpu_memory),
            gpu_lost=self.had_gpu and self.last.gpu_memory_total is None,
        )


def _share(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
