"""An hour of Claude Code: what it cost, what it used, and that every line is understood."""

from __future__ import annotations

import pytest

from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.start import AgentStart
from ptb_lite.events import AgentEvent, AgentEventKind
from tests.unit.agents.streams import ClaudeHour
from tests.unit.agents.test_commands import start
from tests.unit.agents.test_scaffolds import read, tokens

K = AgentEventKind


@pytest.fixture
def begin(tmp_path_factory: pytest.TempPathFactory) -> AgentStart:
    return start(tmp_path_factory.mktemp("w"))


def spent(events: list[AgentEvent]) -> float:
    return sum(event.data.get("cost_usd", 0.0) for event in events)


def test_a_process_that_ends_many_turns_is_summed_once() -> None:
    hour = ClaudeHour()
    assert 750 <= len(hour.lines) <= 850
    events = read(ClaudeCodeBackend(), *hour.encoded())
    assert [event for event in events if event.kind is K.UNKNOWN] == []
    assert spent(events) == pytest.approx(hour.cost)
    assert tokens(events) == hour.tokens
    assert [e.kind for e in events].count(K.END) == 10
    # No turn is empty, and what the program itself tells is a note.
    assert all(e.text.strip() for e in events if e.kind in (K.REASONING, K.MESSAGE, K.NOTE))
    notes = "\n".join(e.text for e in events if e.kind is K.NOTE)
    for told in (
        "a background task began: train_lora.py",
        "is over (completed): train_lora.py",
        "compacted: 168,000 tokens",
        "near the rate limit (five_hour), begins anew at",
    ):
        assert told in notes
    results = [e.text for e in events if e.kind is K.TOOL_RESULT]
    assert "[failed] torch.OutOfMemoryError: CUDA out of memory" in results
    assert "[tool Monitor]" in results


def test_a_sub_agents_turns_are_marked_and_counted_once() -> None:
    events = read(ClaudeCodeBackend(), *ClaudeHour(turns=2, calls=1).encoded())
    by_sub = [e for e in events if e.parent]
    assert {e.parent for e in by_sub} == {"toolu_a", "toolu_b"}
    assert [e.text for e in by_sub if e.kind is K.MESSAGE] == ["reading"] * 2 + ["done"] * 2
    assert "both are done" in [e.text for e in events if e.kind is K.MESSAGE and not e.parent]


def test_processes_add_up(begin: AgentStart) -> None:
    backend = ClaudeCodeBackend()
    first, second = ClaudeHour(turns=3, calls=2), ClaudeHour(turns=5, calls=2)
    backend.command(begin)
    events = read(backend, *first.encoded())
    backend.resume(begin, "s-1")
    events += read(backend, *second.encoded())
    assert spent(events) == pytest.approx(first.cost + second.cost)
    assert tokens(events)[0] == first.tokens[0] + second.tokens[0]


def test_a_process_that_counts_its_session_on_is_not_counted_twice(begin: AgentStart) -> None:
    """As 2.1.332 does with --resume."""
    hour, backend = ClaudeHour(turns=6, calls=2), ClaudeCodeBackend()
    ends = [n for n, line in enumerate(hour.lines) if line["type"] == "result"]
    backend.command(begin)
    events = read(backend, *hour.lines[: ends[2] + 1])
    backend.resume(begin, "s-1")
    events += read(backend, *hour.lines[ends[2] + 1 :])
    assert spent(events) == pytest.approx(hour.cost)
    assert tokens(events) == hour.tokens


def test_a_cost_that_falls_is_that_of_another_process() -> None:
    backend = ClaudeCodeBackend()
    lines = [*ClaudeHour(turns=4, calls=1).encoded(), *ClaudeHour(turns=1, calls=1).encoded()]
    assert spent(read(backend, *lines)) == pytest.approx(4 * 0.25 + 0.25)


def test_a_killed_process_counts_each_message_once() -> None:
    hour = ClaudeHour(turns=2, calls=3)
    cut = [line for line in hour.lines if line["type"] != "result"]
    ids = {line["message"]["id"] for line in cut if line["type"] == "assistant"}
    assert tokens(read(ClaudeCodeBackend(), *cut))[0] == 907 * len(ids)


def test_a_rate_limit_that_stops_the_agent_says_when_it_is_over() -> None:
    info = {"status": "rejected", "resetsAt": 1_795_900_000, "rateLimitType": "five_hour"}
    (event,) = read(ClaudeCodeBackend(), {"type": "rate_limit_event", "rate_limit_info": info})
    assert event.kind is K.ERROR
    assert event.text == "met the rate limit (five_hour), begins anew at 2026-11-28 21:06 UTC"
