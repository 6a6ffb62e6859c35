"""Following a run: events a second from a journal that grows, and how long keys wait in a flood."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BufferedReader
from pathlib import Path

import pytest

from bench.figures import Figure, publish
from bench.timing import medians
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.journal import JournalFollower
from ptb_lite.tui.models.run.fold import RunFold
from tests.tui.latency import key_latencies

pytestmark = pytest.mark.bench
REPEATS = 400
ROUNDS = 5
PATIENCE = 120.0
TARGET = 50_000.0
# A process of its own, that appends as fast as it can what is to be followed.
WRITER = """
import sys
piece = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "ab", buffering=0) as journal:
    for _ in range(int(sys.argv[3])):
        journal.write(piece)
"""
Follow = Callable[[Path, int], int]


def _seconds(follow: Follow, folder: Path, lines: int) -> float:
    """From the start of the writer until `follow` has the last line of the growing journal."""
    journal = folder / "journal.jsonl"
    journal.write_bytes(b"")
    piece = folder / "piece.jsonl"
    piece.write_bytes(recorded_demo().journal.read_bytes())
    arguments = [sys.executable, "-S", "-c", WRITER, str(piece), str(journal), str(REPEATS)]
    began = time.perf_counter()
    with subprocess.Popen(arguments) as writer:
        seen = follow(journal, lines)
        seconds = time.perf_counter() - began
        assert writer.wait(PATIENCE) == 0
    assert seen == lines
    return seconds


@contextmanager
def _tailed(journal: Path) -> Iterator[BufferedReader]:
    """The output of `tail -f` from the first line on."""
    command = ["tail", "-n", "+1", "-f", str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tail:
        assert isinstance(tail.stdout, BufferedReader)
        try:
            with closing(tail.stdout) as output:
                yield output
        finally:
            tail.kill()


def _tail(journal: Path, lines: int) -> int:
    """Its lines counted."""
    seen = 0
    with _tailed(journal) as output:
        while seen < lines and (chunk := output.read1(1 << 16)):
            seen += chunk.count(b"\n")
    return seen


def _tail_parsed(journal: Path, lines: int) -> int:
    """What a script would do with it: `json.loads` of every line."""
    seen = 0
    with _tailed(journal) as output:
        while seen < lines and (line := output.readline()):
            seen += "seq" in json.loads(line)
    return seen


def _polled(take: Callable[[JournalFollower], int], journal: Path, lines: int) -> int:
    follower, seen = JournalFollower(journal), 0
    limit = time.monotonic() + PATIENCE
    while seen < lines:
        new = take(follower)
        seen += new
        assert time.monotonic() < limit, f"{seen} of {lines} lines"
        if not new:
            time.sleep(0.001)
    assert follower.skipped == follower.newer == 0
    return seen


def _follow(journal: Path, lines: int) -> int:
    """Every line as an event of the vocabulary."""
    return _polled(lambda follower: len(follower.poll(1 << 20)), journal, lines)


def _fold(journal: Path, lines: int) -> int:
    """And folded into what the app shows."""
    fold = RunFold()

    def take(follower: JournalFollower) -> int:
        before = fold.events
        fold.fold(follower.poll(1 << 20))
        return fold.events - before

    return _polled(take, journal, lines)


def test_following_a_growing_journal(tmp_path: Path) -> None:
    lines = REPEATS * recorded_demo().journal.read_bytes().count(b"\n")
    ways = {"tail": _tail, "parsed": _tail_parsed, "follow": _follow, "fold": _fold}
    found = medians(
        {
            name: lambda follow=follow: _seconds(follow, tmp_path, lines)
            for name, follow in ways.items()
        },
        ROUNDS,
    )
    rates = {name: lines / seconds for name, seconds in found.items()}
    for name, what in (("follow", "journal follow"), ("fold", "journal follow in the app")):
        publish(
            Figure(
                what,
                rates[name],
                "events/s",
                better="higher",
                peer="tail -f, its lines counted",
                peer_value=rates["tail"],
                limit="tail -f and json.loads",
                limit_value=rates["parsed"],
                target_value=TARGET,
            )
        )
        print(f"\n{what}: {rates[name]:,.0f} events a second, tail -f {rates['tail']:,.0f}")


def test_keys_under_ten_thousand_lines_a_second(tmp_path: Path) -> None:
    waits, folded = key_latencies(tmp_path, presses=100)
    worst, median = waits[-1], waits[len(waits) // 2]
    assert folded > 20_000
    # Two of a hundred may fall on a moment in which another program has the CPU.
    publish(
        Figure(
            "wait of a key under 10,000 events a second, 98th of 100",
            1000 * waits[-3],
            "ms",
            target_value=100.0,
            note=f"median {1000 * median:.1f} ms, worst {1000 * worst:.1f} ms",
        )
    )
    print(f"\nkeys: median {1000 * median:.1f} ms, worst {1000 * worst:.1f} ms; {folded} events")
