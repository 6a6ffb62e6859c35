"""The four scaffolds: what becomes of every kind of line they print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.event_bounds import MAX_WHOLE
from ptb_lite.agents.gemini import GeminiBackend
from ptb_lite.agents.opencode import OpenCodeBackend
from ptb_lite.agents.protocol import Backend
from ptb_lite.events import AgentEvent, AgentEventKind
from tests.unit.agents.test_commands import BACKENDS

CAPTURED = Path(__file__).parents[3] / "../shared/agent-events"
K = AgentEventKind


def read(backend: Backend, *lines: object) -> list[AgentEvent]:
    return [
        event
        for line in lines
        for event in backend.read_line(
            line if isinstance(line, bytes) else json.dumps(line).encode()
        )
    ]


def tokens(events: list[AgentEvent]) -> tuple[float, float]:
    """Input and output tokens of all usage events together."""
    used = [event.data for event in events if event.kind is K.USAGE]
    return sum(u["input_tokens"] for u in used), sum(u["output_tokens"] for u in used)


def priced(events: list[AgentEvent]) -> list[float]:
    return [e.data["cost_usd"] for e in events if e.kind is K.USAGE and "cost_usd" in e.data]


def kinds(events: list[AgentEvent]) -> list[AgentEventKind]:
    return [event.kind for event in events if event.kind is not K.USAGE]


@pytest.mark.parametrize(
    ("name", "used", "session_id", "last"),
    [
        ("claude", (200, 40), "4b06e7e8-2eb7-4d96-be14-c990d2bd69be", K.END),
        ("codex", (400, 80), "01a20816-f0bd-7001-8979-2fe3f2b85bd2", K.END),
        ("gemini", (200, 40), "8e8536fc-244f-4f35-bf88-9452cdb0430b", K.END),
        ("opencode", (200, 40), "ses_df7e908b7ffegiwtTjcb3nuDSA", K.MESSAGE),
    ],
)
def test_a_captured_stream_is_understood_whole(
    name: str, used: tuple[int, int], session_id: str, last: AgentEventKind
) -> None:
    path = CAPTURED / f"{name}.jsonl"
    if not path.exists():
        pytest.skip("no captured streams beside this checkout")
    events = read(BACKENDS[name](), *path.read_bytes().splitlines())
    assert K.UNKNOWN not in kinds(events)
    assert kinds(events)[0] is K.SESSION
    assert events[0].session_id == session_id
    assert kinds(events)[-1] is last
    (call,) = (event for event in events if event.kind is K.TOOL_CALL)
    assert "echo hello > proof.txt" in call.text
    assert K.TOOL_RESULT in kinds(events)
    assert "All done: proof.txt written." in [e.text for e in events if e.kind is K.MESSAGE]
    assert tokens(events) == used


def _claude(message_id: str, output: int, *blocks: dict[str, object]) -> dict[str, object]:
    counts = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": output}
    message = {"id": message_id, "content": list(blocks), "usage": counts}
    return {"type": "assistant", "message": message}


def test_claude_counts_each_message_once_and_the_result_corrects() -> None:
    text = {"type": "text", "text": "hi"}
    killed = [_claude("a", 1, text), _claude("a", 1, text), _claude("b", 2, text)]
    assert tokens(read(ClaudeCodeBackend(), *killed)) == (30, 3)
    counts = {"input_tokens": 20, "cache_read_input_tokens": 10, "output_tokens": 50}
    result = {"type": "result", "subtype": "success", "is_error": False, "usage": counts}
    backend = ClaudeCodeBackend()
    assert tokens(read(backend, *killed, result)) == (30, 50)
    # The counts of a resumed session's second turn begin anew.
    assert tokens(read(backend, _claude("c", 1, text), result)) == (30, 50)


def test_messages_without_an_id_are_counted() -> None:
    def line(read_: int, parent: str | None = None) -> dict[str, object]:
        message = {"content": [], "usage": {"input_tokens": read_, "output_tokens": 3}}
        return {"type": "assistant", "parent_tool_use_id": parent, "message": message}

    answered = {"type": "user", "message": {"content": []}}
    # Two lines of one message, another that read more, one after a tool's answer, a sub-agent's.
    lines = [line(10), line(10), line(15), answered, line(15), line(15, "toolu_a"), line(15)]
    assert tokens(read(ClaudeCodeBackend(), *lines)) == (10 + 15 + 15 + 15, 12)

    def turn(used: int) -> dict[str, object]:
        return {"type": "turn.completed", "usage": {"input_tokens": used, "output_tokens": used}}

    thread = {"type": "thread.started"}
    assert tokens(read(CodexBackend(), thread, turn(100), thread, turn(30))) == (130, 130)
    models = {"pro": {"input_tokens": 70, "output_tokens": 5}, "flash": {"input_tokens": 8}}
    assert tokens(read(GeminiBackend(), {"type": "result", "stats": {"models": models}})) == (78, 5)
    step = {"type": "step_finish", "part": {"tokens": {"input": 3, "output": 1}}}
    assert tokens(read(OpenCodeBackend(), step, step)) == (6, 2)


@pytest.mark.parametrize("said", [0, -1, "much", None, True, float("inf")])
def test_a_price_that_is_none_is_not_reported(said: object) -> None:
    counts = {"input_tokens": 1, "output_tokens": 1}
    result = {"type": "result", "usage": counts, "total_cost_usd": said}
    assert priced(read(ClaudeCodeBackend(), result)) == []


def test_what_a_model_cost_is_reported_where_the_program_says_it() -> None:
    counts = {"input_tokens": 1, "output_tokens": 1}
    result = {"type": "result", "usage": counts, "total_cost_usd": 0.25}
    assert priced(read(ClaudeCodeBackend(), result)) == [0.25]
    step = {"type": "step_finish", "part": {"tokens": {"input": 3, "output": 1}, "cost": 0.5}}
    assert priced(read(OpenCodeBackend(), step, step)) == [0.5, 0.5]


def test_claude_says_success_and_means_an_error() -> None:
    result = {
        "type": "result",
        "subtype": "success",
        "is_error": True,
        "result": "Please run /login",
    }
    error, end = read(ClaudeCodeBackend(), result)
    assert (error.kind, error.text) == (K.ERROR, "Please run /login")
    assert end.kind is K.END


def test_claude_thinks_and_gets_results_in_blocks() -> None:
    result = {
        "type": "tool_result",
        "content": [
            {"type": "text", "text": "one"},
            {"type": "image"},
            {"type": "text", "text": "two"},
        ],
    }
    events = read(
        ClaudeCodeBackend(),
        _claude("a", 1, {"type": "thinking", "thinking": "hm"}, {"type": "new block"}),
        {"type": "user", "message": {"content": [result, {"type": "text", "text": "prompt"}]}},
        {"type": "user", "message": {"content": "prompt"}},
        {"type": "system", "subtype": "api_retry", "error": "overloaded", "error_status": 529},
    )
    assert kinds(events) == [K.REASONING, K.UNKNOWN, K.TOOL_RESULT, K.ERROR]
    assert [e.text for e in events if e.kind is K.TOOL_RESULT] == ["one\ntwo"]
    assert "overloaded 529" in events[-1].text


def test_codex_counts_a_thread_and_a_turn_is_the_difference() -> None:
    def turn(used: int) -> dict[str, object]:
        return {"type": "turn.completed", "usage": {"input_tokens": used, "output_tokens": used}}

    thread = {"type": "thread.started", "thread_id": "t"}
    backend = CodexBackend()
    assert tokens(read(backend, thread, turn(100), thread, turn(150))) == (150, 150)
    other = {"type": "thread.started", "thread_id": "u"}
    assert tokens(read(backend, other, turn(30))) == (30, 30)


def test_codex_items() -> None:
    def done(**item: object) -> dict[str, object]:
        return {"type": "item.completed", "item": item}

    events = read(
        CodexBackend(),
        done(type="reasoning", text="hm"),
        done(type="command_execution", aggregated_output="no", exit_code=2),
        done(type="file_change", changes=[{"path": "a.py", "kind": "add"}]),
        done(type="hologram"),
        {"type": "turn.failed", "error": {"message": "stream disconnected"}},
        {"type": "error", "message": "Reconnecting... 1/5"},
    )
    assert kinds(events) == [
        *(K.REASONING, K.TOOL_RESULT, K.TOOL_CALL, K.UNKNOWN, K.ERROR, K.END, K.ERROR)
    ]
    assert events[1].text == "[exit code 2] no"
    assert "a.py" in events[2].text


def test_gemini_fails_with_a_reason() -> None:
    events = read(
        GeminiBackend(),
        {"type": "error", "severity": "error", "message": "Loop detected"},
        {"type": "tool_result", "status": "error", "error": {"message": "no such file"}},
        {"type": "result", "status": "error", "error": {"type": "x", "message": "quota"}},
    )
    assert kinds(events) == [K.ERROR, K.TOOL_RESULT, K.ERROR, K.END]
    assert [e.text for e in events] == ["Loop detected", "[failed] no such file", "quota", "error"]


def test_opencode_names_its_session_once_and_adds_reasoning_tokens() -> None:
    counts = {"input": 1, "output": 2, "reasoning": 3, "cache": {"read": 4, "write": 5}}
    step = {"type": "step_finish", "sessionID": "s", "part": {"tokens": counts}}
    failed = {
        "type": "error",
        "sessionID": "s",
        "error": {"name": "APIError", "data": {"message": "no", "statusCode": 401}},
    }
    events = read(OpenCodeBackend(), step, step, failed)
    assert kinds(events) == [K.SESSION, K.ERROR]
    assert events[-1].text == "401: no"
    assert tokens(events) == (20, 10)


@pytest.mark.parametrize("name", BACKENDS)
def test_lines_that_are_not_understood_are_kept(name: str) -> None:
    backend = BACKENDS[name]()
    for line in (b"plain text", b"[1]", b'{"type": "novelty"}', b'{"type":' + b"[" * 100_000):
        (event,) = backend.read_line(line)
        assert event.kind is K.UNKNOWN
        assert event.text.startswith(line[:20].decode())
    assert backend.read_line(b"") == backend.read_line(b"  \r") == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "subtype",
                    "message",
                    "content",
                    "usage",
                    "id",
                    "item",
                    "part",
                    "state",
                    "tokens",
                    "error",
                    "text",
                    "input",
                    "output",
                    "stats",
                    "status",
                    "role",
                    "sessionID",
                    "session_id",
                    "thread_id",
                    "data",
                    "cache",
                    "result",
                ]
            ),
            inside,
            max_size=5,
        )
    ),
    max_leaves=20,
)
TYPES = [
    "system",
    "assistant",
    "user",
    "result",
    "thread.started",
    "item.started",
    "item.completed",
    "turn.completed",
    "turn.failed",
    "error",
    "init",
    "message",
    "tool_use",
    "tool_result",
    "step_start",
    "text",
    "reasoning",
    "step_finish",
    "thinking",
    "command_execution",
    "agent_message",
    "mcp_tool_call",
]


def _check(events: tuple[AgentEvent, ...]) -> None:
    for event in events:
        assert len(event.text) <= MAX_WHOLE + 100
        assert AgentEvent.model_validate_json(event.model_dump_json()) == event


@pytest.mark.parametrize("name", BACKENDS)
@given(line=st.binary(max_size=500))
def test_any_bytes_are_read(name: str, line: bytes) -> None:
    _check(BACKENDS[name]().read_line(line))


@pytest.mark.parametrize("name", BACKENDS)
@given(fields=st.dictionaries(st.text(max_size=5), JSON), body=JSON, kind=st.sampled_from(TYPES))
def test_any_json_of_a_known_type_is_read(
    name: str, fields: dict[str, object], body: object, kind: str
) -> None:
    names = ("message", "item", "part", "usage", "error", "stats", "content", "result")
    value = {**fields, **dict.fromkeys(names, body), "type": kind}
    _check(BACKENDS[name]().read_line(json.dumps(value).encode()))


@pytest.mark.parametrize("name", BACKENDS)
def test_half_a_surrogate_pair_and_huge_numbers_do_no_harm(name: str) -> None:
    half = rb'{"type":"error","message":"cut \ud83d","error":{"data":{"message":"cut \ud83d"}}}'
    huge = b'{"type":"turn.completed","usage":{"input_tokens":1' + b"0" * 400 + b"}}"
    for line in (half, huge, huge.replace(b"0" * 400, b"e999")):
        _check(BACKENDS[name]().read_line(line))


def test_what_a_tool_did_not_do_is_said_by_all() -> None:
    failed = [
        read(
            ClaudeCodeBackend(),
            {
                "type": "user",
                "message": {
                    "content": [{"type": "tool_result", "content": "no", "is_error": True}]
                },
            },
        ),
        read(
            CodexBackend(),
            {
                "type": "item.completed",
                "item": {"type": "mcp_tool_call", "status": "failed", "error": "no"},
            },
        ),
        read(
            GeminiBackend(), {"type": "tool_result", "status": "error", "error": {"message": "no"}}
        ),
        read(
            OpenCodeBackend(),
            {
                "type": "tool_use",
                "part": {"tool": "bash", "state": {"status": "error", "error": "no"}},
            },
        ),
    ]
    assert [events[-1].text for events in failed] == ["[failed] no"] * 4


def test_what_processes_of_a_session_used_adds_up() -> None:
    """Gemini's and OpenCode's counts are those of one process, or of one step."""
    stats = {"input_tokens": 100, "cached": 40, "output_tokens": 9, "models": {"a": {}, "b": {}}}
    end = {"type": "result", "status": "success", "stats": stats}
    init = {"type": "init", "session_id": "g", "model": "gemini-2.5-pro"}
    assert tokens(read(GeminiBackend(), init, end, init, end)) == (200, 18)
    counts = {"input": 10, "output": 2, "reasoning": 1, "cache": {"read": 5, "write": 0}}
    step = {"type": "step_finish", "sessionID": "o", "part": {"tokens": counts, "cost": 0.25}}
    events = read(OpenCodeBackend(), step, step, step)
    assert tokens(events) == (45, 9)
    assert sum(priced(events)) == 0.75
