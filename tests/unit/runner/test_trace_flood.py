"""What a flood of output leaves in the journal: a bounded number of events, and how many more."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ptb_lite.agents.event_bounds import text_event
from ptb_lite.audit.evidence.folder import ScanNotes
from ptb_lite.audit.evidence.transcript import MAX_LINES, read_transcript
from ptb_lite.events import AgentEvent, AgentEventKind, AgentSpoke, Warned
from ptb_lite.runner.agent import trace
from ptb_lite.runner.agent.trace import Gauge, TraceReader


class AgentAnswer:
    """A run of whose journal only what is written is kept."""

    def __init__(self, path: Path) -> None:
        self.written: list[Any] = []
        self.heard: list[AgentEvent] = []
        context = SimpleNamespace(
            journal=SimpleNamespace(write=self.written.append),
            warn=lambda message: self.written.append(Warned(message=message)),
        )
        plan = SimpleNamespace(read_line=self._line)
        self.reader = TraceReader(path, cast(Any, context), cast(Any, plan), self.heard.append)

    def _line(self, line: bytes) -> tuple[AgentEvent, ...]:
        kind = AgentEventKind.UNKNOWN if b"\0" in line else AgentEventKind.MESSAGE
        event = text_event(line, kind)
        return (event,) if event else ()

    def spoken(self, kind: AgentEventKind) -> int:
        return sum(isinstance(one, AgentSpoke) and one.event.kind is kind for one in self.written)

    def warnings(self) -> str:
        return "\n".join(one.message for one in self.written if isinstance(one, Warned))


def test_a_flood_is_counted_by_kind_and_everything_is_heard(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(b"\xff\0\xfe\n" * 30_000 + b"words\n" * 20_000)
    run = AgentAnswer(log)
    run.reader.finish_turn()
    run.reader.finish()
    assert len(run.heard) == 50_000
    unknown, message = map(run.spoken, (AgentEventKind.UNKNOWN, AgentEventKind.MESSAGE))
    # So many at once, and what a slow machine's seconds add.
    assert 200 <= unknown < 1000
    assert 2000 <= message < 6000
    assert f"{30_000 - unknown:,} unknown, {20_000 - message:,} message" in run.warnings()


def test_after_a_flood_the_journal_takes_what_comes_slowly() -> None:
    now = 0.0
    gauge = Gauge(lambda: now)
    assert sum(gauge.takes(AgentEventKind.MESSAGE) for _ in range(9000)) == 2000
    assert gauge.takes(AgentEventKind.TOOL_CALL)
    for _ in range(100):
        now += 0.1
        assert gauge.takes(AgentEventKind.MESSAGE)
    assert gauge.words() == "7,000 message"


def test_empty_lines_are_no_work(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(b"first\n" + b"\n" * 2_000_000 + b"last\n")
    run = AgentAnswer(log)
    began = time.process_time()
    run.reader.finish_turn()
    assert [event.text for event in run.heard] == ["first", "last"]
    account = ScanNotes()
    turns = list(read_transcript(tmp_path, account))
    assert [(turn.text, turn.line) for turn in turns] == [("first", 1), ("last", 2_000_002)]
    assert not account.unread
    assert time.process_time() - began < 10


def test_what_cannot_be_followed_in_time_is_left_to_the_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "stdout.log"
    log.write_bytes(b"a line\n" * 100_000)
    monkeypatch.setattr(trace, "CATCH_UP_SECONDS", 0.0)
    run = AgentAnswer(log)
    run.reader.finish_turn()
    with log.open("ab") as stream:
        stream.write(b"the next turn\n")
    assert run.reader.read()
    run.reader.finish()
    assert [event.text for event in run.heard] == ["the next turn"]
    assert "0.7 MB of the agent's output were not followed" in run.warnings()


def test_a_trace_of_too_many_lines_is_cut_and_said(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_bytes(b"a\n" * (MAX_LINES + 1))
    account = ScanNotes()
    assert sum(1 for _ in read_transcript(tmp_path, account)) <= MAX_LINES
    assert "beyond the limit" in account.unread_reason()
