"""A run that says 10,000 lines a second leaves the keys alone; `tests/bench` has the figures."""

from __future__ import annotations

from pathlib import Path

from tests.tui.latency import key_latencies


def test_keys_are_answered_under_a_flood(tmp_path: Path) -> None:
    waits, folded = key_latencies(tmp_path, presses=20)
    assert folded > 5_000
    assert waits[len(waits) // 2] < 0.1
