"""An hour of each scaffold: what it cost, what it used, and that every line is understood."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.gemini import GeminiBackend
from ptb_lite.agents.opencode import OpenCodeBackend
from ptb_lite.agents.protocol import AgentPlan, ResumableBackend
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.prices import load_prices, price_of
from ptb_lite.events import AgentEvent, AgentEventKind
from ptb_lite.runner.agent.watch import AgentWatch
from tests.unit.agents.hours import (
    BACKGROUND,
    LIMIT,
    OUT_OF_MEMORY,
    SUB_AGENTS,
    UNTIL,
    CodexHour,
    GeminiHour,
    Hour,
    OpenCodeHour,
)
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


@pytest.mark.parametrize("between", [{}, {"total_cost_usd": 0}, {"total_cost_usd": 1.9999999999}])
def test_a_cost_that_is_not_said_is_no_fall(between: dict[str, float]) -> None:
    costs = [{"total_cost_usd": 2.0}, between, {"total_cost_usd": 3.0}]
    lines = [json.dumps({"type": "result", "subtype": "success", **each}) for each in costs]
    assert spent(read(ClaudeCodeBackend(), *map(str.encode, lines))) == pytest.approx(3.0)


def test_tools_that_the_models_server_runs_are_tools() -> None:
    content = [
        {"type": "server_tool_use", "name": "web_search", "input": {"query": "a question"}},
        {"type": "web_search_tool_result", "content": [{"title": "a page", "url": "u"}]},
        {"type": "mcp_tool_use", "name": "find", "input": {"name": "x"}},
    ]
    line = json.dumps({"type": "assistant", "message": {"id": "m", "content": content}})
    kinds = [e.kind for e in read(ClaudeCodeBackend(), line.encode())]
    assert kinds == [K.TOOL_CALL, K.TOOL_RESULT, K.TOOL_CALL]


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


PRICE = price_of("gemini-2.5-pro", load_prices(Path("/nonexistent")))
HOURS: dict[str, tuple[type[ResumableBackend], type[Hour]]] = {
    "codex": (CodexBackend, CodexHour),
    "gemini": (GeminiBackend, GeminiHour),
    "opencode": (OpenCodeBackend, OpenCodeHour),
}


@dataclass
class Told:
    """An hour as the runner reads it: the first process started, the others resumed."""

    hour: Hour
    events: list[AgentEvent] = field(default_factory=list)
    watch: AgentWatch = field(default_factory=lambda: AgentWatch(None))
    sub_agents: bool = False

    def texts(self, kind: AgentEventKind) -> list[str]:
        return [event.text for event in self.events if event.kind is kind]


def tell(name: str, begin: AgentStart, **choices: object) -> Told:
    made, hour = HOURS[name]
    told = Told(hour(**choices))
    plan = AgentPlan(made(), begin, price=PRICE)
    assert isinstance(plan.backend, ResumableBackend)
    for number, lines in enumerate(told.hour.encoded()):
        told.watch.begin_turn()
        if number:
            plan.backend.resume(begin, told.watch.session_id or "")
        else:
            plan.backend.command(begin)
        for event in (event for line in lines for event in plan.read_line(line)):
            told.events.append(event)
            told.watch.hear(event)
        told.sub_agents |= told.watch.sub_agents
    return told


@pytest.fixture
def begin_any(tmp_path_factory: pytest.TempPathFactory) -> AgentStart:
    return start(tmp_path_factory.mktemp("w"), model="openai/m")


@pytest.mark.parametrize("name", HOURS)
def test_an_hour_is_understood_and_counted(name: str, begin_any: AgentStart) -> None:
    told = tell(name, begin_any)
    assert 750 <= sum(map(len, told.hour.processes)) <= 850
    assert told.texts(K.UNKNOWN) == []
    read_in_all, cached, written = told.hour.used
    assert tokens(told.events) == (read_in_all, written)
    used = [event.data for event in told.events if event.kind is K.USAGE]
    assert sum(each["cached_input_tokens"] for each in used) == cached
    if isinstance(told.hour, OpenCodeHour):
        assert spent(told.events) == pytest.approx(told.hour.cost)
        assert not any(each.get("cost_estimated") for each in used)
    else:
        assert PRICE is not None
        fresh = read_in_all - cached
        dollars = fresh * PRICE.input + cached * PRICE.cached + written * PRICE.output
        assert spent(told.events) == pytest.approx(dollars / 1e6)
        assert all(each["cost_estimated"] for each in used)
    # OpenCode says nothing at a turn's end.
    assert told.texts(K.END) == {
        "codex": ["completed"] * 5, "gemini": ["success"] * 5, "opencode": []
    }[name]  # fmt: skip
    assert len({event.session_id for event in told.events if event.session_id}) == 1
    assert told.watch.rate_limit() is None


@pytest.mark.parametrize("name", HOURS)
def test_what_an_hour_did_is_shown(name: str, begin_any: AgentStart) -> None:
    told = tell(name, begin_any)
    calls, results = told.texts(K.TOOL_CALL), told.texts(K.TOOL_RESULT)
    for command in (UNTIL, BACKGROUND):
        assert sum(command in call for call in calls) >= 25
    failed = "[exit code 1] " if name == "codex" else "[failed] "
    assert [each for each in results if each.startswith("[")] == [failed + OUT_OF_MEMORY]
    assert all(e.text.strip() for e in told.events if e.kind in (K.REASONING, K.MESSAGE))
    for prompt in SUB_AGENTS:
        assert sum(prompt in call for call in calls) == 1
    # What sub-agents used is told by Gemini CLI alone; of Codex's the last word is marked.
    assert told.sub_agents is (name != "gemini")
    marked = [(event.parent, event.text) for event in told.events if event.parent]
    both = [(f"thread-sub-{n}", "all done") for n in (1, 2)]
    assert marked == (both if name == "codex" else [])


@pytest.mark.parametrize("name", HOURS)
def test_an_hour_that_meets_a_rate_limit_ends_by_it(name: str, begin_any: AgentStart) -> None:
    told = tell(name, begin_any, limited=True)
    assert LIMIT[name] in (told.watch.rate_limit() or "")
    assert tokens(told.events) == (told.hour.used[0], told.hour.used[2])
    # Codex tells nothing of what a turn used that fails: its figures are a lower bound.
    assert told.watch.uncounted is (name != "gemini")


def test_events_of_another_session_are_a_sub_agents(begin_any: AgentStart) -> None:
    """OpenCode tells none of them; a version that did would not be resumed in the wrong session."""
    backend = OpenCodeBackend()
    backend.command(begin_any)
    lines = [
        {"type": "text", "sessionID": name, "part": {"text": f"of {name}"}}
        for name in ("ses_1", "ses_sub", "ses_1")
    ]
    events = read(backend, *lines)
    assert [event.session_id for event in events if event.session_id] == ["ses_1"]
    said = [(e.parent, e.text) for e in events if e.kind is K.MESSAGE]
    assert said == [(None, "of ses_1"), ("ses_sub", "of ses_sub"), (None, "of ses_1")]
