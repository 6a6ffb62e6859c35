"""Reading agents' output, none lost; what `json.loads` takes for the same lines is the limit."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bench.figures import Figure, publish
from bench.timing import medians
from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.event_bounds import LineSplitter
from ptb_lite.agents.gemini import GeminiBackend
from ptb_lite.agents.opencode import OpenCodeBackend
from ptb_lite.agents.protocol import Backend
from ptb_lite.chat.masking import mask_line

CAPTURED = Path(__file__).parents[1] / "../shared/agent-events"
BACKENDS = {
    "claude": ClaudeCodeBackend,
    "codex": CodexBackend,
    "gemini": GeminiBackend,
    "opencode": OpenCodeBackend,
}
REPEATS = 1500
ROUNDS = 5
CHUNK = 1 << 16
# Every line of a run is masked before it is read: that is part of the cost.
KEYS = ("sk-ant-api03-" + "aB3_x-9Z" * 12,)


def _events(backend: Backend, stream: bytes) -> int:
    splitter, events = LineSplitter(), 0
    for begin in range(0, len(stream), CHUNK):
        for line in splitter.feed(stream[begin : begin + CHUNK]):
            events += len(backend.read_line(mask_line(line, KEYS)))
    return events + sum(len(backend.read_line(line)) for line in splitter.rest())


def _parsed(stream: bytes) -> int:
    """The same bytes, cut into lines and parsed; nothing else."""
    return sum(json.loads(line) is not None for line in stream.splitlines() if line.strip())


@pytest.mark.bench
@pytest.mark.parametrize("name", BACKENDS)
def test_events_a_second_without_loss(name: str) -> None:
    path = CAPTURED / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("no captured streams beside this checkout")
    stream = path.read_bytes()
    backend = BACKENDS[name]()
    once = sum(len(backend.read_line(line)) for line in stream.splitlines())
    events = 0

    def ours() -> float:
        nonlocal events
        backends = [BACKENDS[name]() for _ in range(REPEATS)]
        began = time.perf_counter()
        events = sum(_events(backend, stream) for backend in backends)
        return time.perf_counter() - began

    def parsing() -> float:
        began = time.perf_counter()
        for _ in range(REPEATS):
            _parsed(stream)
        return time.perf_counter() - began

    found = medians({"ours": ours, "parsing": parsing}, ROUNDS)
    assert events == once * REPEATS
    publish(
        Figure(
            f"reading the output of {name}",
            events / found["ours"],
            "events/s",
            better="higher",
            limit="json.loads of the same lines",
            limit_value=events / found["parsing"],
            target_value=10_000.0,
        )
    )
    print(f"\n{name}: {events / found['ours']:,.0f} events a second")
