"""Agent output is untrusted: any bytes give bounded events and never an exception."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.agents.event_bounds import (
    MAX_LINE_BYTES,
    MAX_TEXT,
    MAX_WHOLE,
    LineSplitter,
    bounded,
    shortened,
    text_event,
    vocabulary_event,
)
from ptb_lite.events import AgentEvent, AgentEventKind


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(line: bytes) -> None:
    for event in (vocabulary_event(line), text_event(line)):
        assert event is None or len(event.text) <= MAX_WHOLE + 100


@given(st.builds(AgentEvent, kind=st.sampled_from(AgentEventKind), text=st.text(max_size=200)))
def test_an_event_in_the_vocabulary_comes_back_as_it_was(event: AgentEvent) -> None:
    assert vocabulary_event(event.model_dump_json().encode()) == event


def test_json_that_is_no_event_is_kept_as_unknown() -> None:
    event = vocabulary_event(b'{"kind": "telepathy"}')
    assert event is not None
    assert event.kind is AgentEventKind.UNKNOWN
    assert "telepathy" in event.text


def test_a_long_text_is_cut_and_says_how_much_is_missing() -> None:
    line = json.dumps({"kind": "message", "text": "x" * 100_000}).encode()
    event = vocabulary_event(line)
    assert event is not None
    assert event.text == bounded("x" * 100_000)
    assert f"{100_000 - MAX_WHOLE} more characters" in event.text
    journalled = shortened(event.model_copy(update={"text": "x" * 10_000}))
    assert journalled.text == bounded("x" * 10_000, MAX_TEXT)
    assert "5904 more characters" in journalled.text


@given(st.binary(max_size=500), st.integers(min_value=1, max_value=20))
def test_lines_do_not_depend_on_how_the_stream_is_cut(stream: bytes, size: int) -> None:
    splitter = LineSplitter()
    lines = []
    for start in range(0, len(stream), size):
        lines += splitter.feed(stream[start : start + size])
    lines += splitter.rest()
    assert b"\n".join(lines) == stream.removesuffix(b"\n")


def test_an_endless_line_comes_in_pieces() -> None:
    splitter = LineSplitter()
    lines = splitter.feed(b"x" * (3 * MAX_LINE_BYTES + 1))
    assert [len(line) for line in lines] == [MAX_LINE_BYTES] * 3
    assert splitter.rest() == [b"x"]
