"""The journal: what is written is read, and damage costs the damaged lines alone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.events import AgentEvent, AgentEventKind, AgentSpoke, Event, Warned
from ptb_lite.runs.journal import MAX_LINE_BYTES, JournalFollower, JournalWriter, read_journal

TEXTS = st.text(st.characters(codec="utf-8"), max_size=50)


def write(path: Path, *messages: str) -> None:
    writer = JournalWriter(path)
    for message in messages:
        writer.write(Warned(message=message))
    writer.close()


def messages(events: list[Event]) -> list[str]:
    return [event.payload.message for event in events if isinstance(event.payload, Warned)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(texts=st.lists(TEXTS, max_size=10))
def test_what_is_written_is_read(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    write(path, *texts)
    reading = read_journal(path)
    assert messages(reading.events) == texts
    assert [event.seq for event in reading.events] == list(range(1, len(texts) + 1))
    assert reading.skipped == reading.newer == 0


def test_a_second_writer_numbers_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, "one", "two")
    write(path, "three")
    assert [event.seq for event in read_journal(path).events] == [1, 2, 3]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_journal_cut_anywhere_keeps_every_whole_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    write(path, "one", "two", "three")
    content = path.read_bytes()[:cut]
    path.write_bytes(content)
    reading = read_journal(path)
    assert len(reading.events) == content.count(b"\n")
    assert reading.skipped == (0 if content.endswith(b"\n") or not content else 1)
    # The next runner loses nothing of its own.
    write(path, "after the crash")
    assert messages(read_journal(path).events)[-1] == "after the crash"


def test_damaged_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, "one")
    with path.open("ab") as stream:
        stream.write(b"\x00\xff garbage\n{\n[]\n" + b"x" * (MAX_LINE_BYTES + 10) + b"\n")
        stream.write(b"[" * 100_000 + b"\n")
    write(path, "two")
    reading = read_journal(path)
    assert messages(reading.events) == ["one", "two"]
    assert reading.skipped == 5


def test_events_of_a_newer_version_are_counted_apart(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write(path, "one")
    event = json.loads(path.read_text())
    event["payload"]["type"] = "something_new"
    with path.open("a") as stream:
        stream.write(json.dumps(event) + "\n")
    reading = read_journal(path)
    assert (len(reading.events), reading.skipped, reading.newer) == (1, 0, 1)


def test_a_follower_gives_each_event_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    follower = JournalFollower(path)
    assert follower.poll() == []
    write(path, "one")
    assert messages(follower.poll()) == ["one"]
    write(path, "two")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert follower.poll() == []
    path.write_bytes(whole)
    assert messages(follower.poll()) == ["two"]
    assert follower.skipped == 0


def test_a_payload_outside_the_vocabulary_is_refused(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal.jsonl")
    with pytest.raises(ValueError, match="payload"):
        writer.write(AgentEvent(kind=AgentEventKind.END))
    writer.write(AgentSpoke(event=AgentEvent(kind=AgentEventKind.END)))
    writer.close()
    assert len(read_journal(tmp_path / "journal.jsonl").events) == 1


def test_a_clock_that_is_set_moves_no_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hours forward, then back by three, then a new writer: as after NTP, or a summer time."""
    from ptb_lite.runs import journal as room

    class Clock(datetime):
        offset = timedelta()

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + cls.offset

    monkeypatch.setattr(room, "datetime", Clock)
    path = tmp_path / "journal.jsonl"
    writer = JournalWriter(path)
    times = [writer.write(Warned(message="a")).time]
    for hours in (2, -3):
        Clock.offset = timedelta(hours=hours)
        times.append(writer.write(Warned(message="b")).time)
    writer.close()
    times.append(JournalWriter(path).write(Warned(message="c")).time)
    assert times == sorted(times)
    assert (times[-1] - times[0]).total_seconds() < 60
