"""Following a run: how fast events are folded, and how long keys wait under a flood."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ptb_lite.runner.replay import recorded_demo
from ptb_lite.runs.journal import JournalFollower
from ptb_lite.tui.models.run_fold import RunFold
from tests.tui.latency import key_latencies

pytestmark = pytest.mark.bench


def test_reading_and_folding(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(recorded_demo().journal.read_bytes() * 400)
    follower, fold = JournalFollower(journal), RunFold()
    begun = time.perf_counter()
    while True:
        fold.fold(follower.poll(1 << 20))
        if follower.at_end:
            break
    seconds = time.perf_counter() - begun
    rate = fold.events / seconds
    print(f"\n{rate:,.0f} events a second, {rate / 10_000:.1f} times what is asked")
    assert fold.events > 100_000
    assert rate > 10_000


def test_keys_under_ten_thousand_lines_a_second(tmp_path: Path) -> None:
    waits, folded = key_latencies(tmp_path, presses=100)
    worst, median = waits[-1], waits[len(waits) // 2]
    print(f"\nkeys: median {1000 * median:.1f} ms, worst {1000 * worst:.1f} ms; {folded} events")
    assert folded > 20_000
    # Two of a hundred may fall on a moment in which another program has the processor.
    assert waits[-3] < 0.1
