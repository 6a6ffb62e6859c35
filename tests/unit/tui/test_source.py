"""Where events come from: a growing journal, one that vanishes, and one that is played again."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import threading
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import AgentEventKind, Outcome, Phase, PhaseStarted, RunFinished, Warned
from ptb_lite.moments import this_moment
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalFollower, JournalWriter, read_journal
from ptb_lite.tui.models.run.fold import RunFold
from ptb_lite.tui.models.run.follow import follow
from ptb_lite.tui.models.run.source import (
    LiveSource,
    Piece,
    ReplaySource,
    RunState,
    recorded_source,
)
from ptb_lite.tui.models.run.view import RunSnapshot
from ptb_lite.tui.models.trace.readable import write_readable
from tests.unit.tui.journals import at, event, said


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "20260101-000000-abcd")
    found.path.mkdir()
    found.spec.write_text("{}")
    found.journal.touch()
    return found


def test_a_live_run_grows_and_ends(run: RunFolder) -> None:
    lock = os.open(run.lock, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    source = LiveSource(run)
    writer = JournalWriter(run.journal)
    assert source.next() == Piece(events=[], state=RunState.GOING)
    writer.write(Warned(message="one"))
    piece = source.next()
    assert [found.payload.type for found in piece.events] == ["warned"]
    assert piece.state is RunState.GOING
    writer.write(RunFinished(outcome=Outcome.FINISHED))
    assert source.next().state is RunState.GOING
    os.close(lock)
    assert source.next().state is RunState.ENDED
    writer.close()


@pytest.mark.parametrize("hours", [-26.0, 26.0])
def test_a_live_runs_clock_heeds_no_clock_that_somebody_sets(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    """The journal's times are by the clock of when the runner began; ours has been set since."""
    source, writer = LiveSource(run), JournalWriter(run.journal)
    writer.write(PhaseStarted(phase=Phase.AGENT, moment=this_moment()))
    writer.close()
    source.next()

    class Set(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=hours)

    monkeypatch.setattr("ptb_lite.tui.models.run.source.datetime", Set)
    assert abs((source.now() - datetime.now(UTC)).total_seconds()) < 60
    # After a restart of the machine, or on another one, the two clocks do not compare.
    monkeypatch.setattr("ptb_lite.moments.boot_id", lambda: "another")
    assert abs((source.now() - datetime.now(UTC)).total_seconds()) > 25 * 3600


def test_a_runner_that_died_without_a_word_is_silent(run: RunFolder) -> None:
    writer = JournalWriter(run.journal)
    writer.write(Warned(message="one"))
    writer.close()
    assert LiveSource(run).next().state is RunState.SILENT


def test_a_deleted_run_is_gone(run: RunFolder) -> None:
    source = LiveSource(run)
    shutil.rmtree(run.path)
    assert source.next().state is RunState.GONE


def test_newer_events_and_damage_are_counted(run: RunFolder) -> None:
    run.journal.write_text(
        '{"version":2,"seq":1,"time":"2030-01-01T00:00:00Z","payload":{"type":"x"}}\nnot json\n'
    )
    piece = LiveSource(run).next()
    assert (piece.newer, piece.skipped) == (1, 1)


def test_a_long_journal_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    writer = JournalWriter(path)
    for number in range(3000):
        writer.write(Warned(message=f"{number} " + "x" * 300))
    writer.close()
    follower = JournalFollower(path)
    sizes, found = [], []
    while True:
        events = follower.poll(1 << 18)
        sizes.append(len(events))
        found += events
        if follower.at_end:
            break
    assert [found_event.seq for found_event in found] == list(range(1, 3001))
    assert len(sizes) >= 4
    assert max(sizes) < 1000
    assert follower.poll(1 << 18) == []


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def recording() -> list:
    return [event(Warned(message=str(n)), 10.0 * n) for n in range(5)]


def test_a_replay_keeps_its_pace_and_ends() -> None:
    clock = Clock()
    source = ReplaySource(recording(), speed=10, clock=clock)
    assert len(source.next().events) == 1
    clock.seconds = 1.5
    assert [found.payload.message for found in source.next().events] == ["1"]
    assert source.now() == at(15)
    clock.seconds = 100
    piece = source.next()
    assert len(piece.events) == 3
    assert piece.state is RunState.ENDED
    assert source.now() == at(40)


def test_a_replay_is_held_and_sped_up() -> None:
    clock = Clock()
    source = ReplaySource(recording(), speed=10, clock=clock)
    source.hold(True)
    clock.seconds = 50
    assert len(source.next().events) == 1
    assert source.next().state is RunState.GOING
    source.hold(False)
    source.set_speed(20)
    clock.seconds = 51
    assert [found.payload.message for found in source.next().events] == ["1", "2"]


def test_nothing_to_play_is_said(run: RunFolder) -> None:
    with pytest.raises(PtbLiteError, match="nothing can be played"):
        recorded_source(run, 20)


def test_the_followers_loop_tells_the_newest_and_stops() -> None:
    told: list[RunSnapshot] = []
    closing = threading.Event()

    def tell(shot: RunSnapshot, piece: Piece) -> None:
        told.append(shot)
        if piece.state is RunState.ENDED:
            closing.set()

    follow(recorded_source(recorded_demo(), 1e9), RunFold(), closing, tell)
    assert told[-1].outcome is Outcome.FINISHED
    assert told[-1].events == len(read_journal(recorded_demo().journal).events)


def test_the_pagers_text_is_whole_however_long_the_trace(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    writer = JournalWriter(path)
    for number in range(5000):
        writer.write(said(AgentEventKind.MESSAGE, f"message {number}\nsecond line"))
        writer.write(said(AgentEventKind.TOOL_CALL, f"command {number}"))
    writer.close()
    out = io.StringIO()
    write_readable(path, out)
    lines = out.getvalue().splitlines()
    assert sum("$ command" in line for line in lines) == 5000
    assert sum("message" in line for line in lines) == 5000
    assert sum(line.startswith("turn ") for line in lines) == 5000
    assert lines.index(next(x for x in lines if "message 7" in x)) < lines.index(
        next(x for x in lines if "command 7" in x)
    )
