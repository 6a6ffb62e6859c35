"""Reading agents' output: 10,000 events a second, none lost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ptb_lite.agents.backend import Backend
from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.gemini import GeminiBackend
from ptb_lite.agents.masking import mask_line
from ptb_lite.agents.opencode import OpenCodeBackend
from ptb_lite.agents.reading import LineSplitter

CAPTURED = Path(__file__).parents[2] / "../shared/agent-events"
BACKENDS = {
    "claude": ClaudeCodeBackend,
    "codex": CodexBackend,
    "gemini": GeminiBackend,
    "opencode": OpenCodeBackend,
}
REPEATS = 1500
CHUNK = 1 << 16
# Every line of a run is masked before it is read: that is part of the cost.
KEYS = ("sk-ant-api03-" + "aB3_x-9Z" * 12,)


def _events(backend: Backend, stream: bytes) -> int:
    splitter, events = LineSplitter(), 0
    for begin in range(0, len(stream), CHUNK):
        for line in splitter.feed(stream[begin : begin + CHUNK]):
            events += len(backend.read_line(mask_line(line, KEYS)))
    return events + sum(len(backend.read_line(line)) for line in splitter.rest())


@pytest.mark.bench
@pytest.mark.parametrize("name", BACKENDS)
def test_ten_thousand_events_a_second_without_loss(name: str) -> None:
    path = CAPTURED / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("no captured streams beside this checkout")
    stream = path.read_bytes()
    backend = BACKENDS[name]()
    once = sum(len(backend.read_line(line)) for line in stream.splitlines())
    backends = [BACKENDS[name]() for _ in range(REPEATS)]
    began = time.perf_counter()
    events = sum(_events(backend, stream) for backend in backends)
    seconds = time.perf_counter() - began
    print(f"\n{name}: {events} events in {seconds:.2f} s, {events / seconds:,.0f} a second")
    assert events == once * REPEATS
    assert events / seconds > 10_000
