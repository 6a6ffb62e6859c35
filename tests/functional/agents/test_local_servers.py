"""The built-in agent against servers that behave as people have reported of the real ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ptb_lite.agents.local.backend import KEY_VARIABLE
from ptb_lite.agents.start import Key
from ptb_lite.events import AgentEventKind
from tests.functional.agents.chat_server import (
    Answer,
    calls,
    chat_server,
    completion,
    says,
    streamed,
)
from tests.functional.agents.local_process import LocalProcess, texts

Kind = AgentEventKind
KEY = "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"


def call(**extra: Any) -> dict[str, Any]:
    function = {"name": "bash", "arguments": json.dumps({"command": "echo ran >> made.txt"})}
    return {"id": "c1", "type": "function", "function": function, **extra}


def asks(**extra: Any) -> Answer:
    return completion({"role": "assistant", "content": "", "tool_calls": [call()], **extra})


def sent_back(request: dict[str, Any]) -> dict[str, Any] | None:
    return next((m for m in request["messages"] if m["role"] == "assistant"), None)


def wants(field: str) -> Any:
    def demands(request: dict[str, Any]) -> str | None:
        message = sent_back(request)
        if message is None or field in json.dumps(message):
            return None
        return f"{field} must be passed back to the API"

    return demands


def wants_null_content(request: dict[str, Any]) -> str | None:
    message = sent_back(request)
    return "empty text" if message and message["content"] == "" and message["tool_calls"] else None


@pytest.mark.parametrize(
    ("answer", "demands"),
    [
        (asks(reasoning_content="I think"), wants("reasoning_content")),  # DeepSeek
        (
            completion({
                "role": "assistant",
                "tool_calls": [call(extra_content={"google": {"thought_signature": "c2ln"}})],
            }),
            wants("thought_signature"),
        ),  # Gemini 3
        (asks(reasoning_details=[{"type": "x", "data": "y"}]), wants("reasoning_details")),
        (asks(audio={"id": "a"}), wants("audio")),
        (asks(), wants_null_content),
    ],
    ids=["deepseek", "gemini", "openrouter", "unknown field", "null content"],
)  # fmt: skip
def test_a_server_gets_its_message_back_as_it_came(
    local: LocalProcess, answer: Answer, demands: Any
) -> None:
    with chat_server(answer, says("done"), demands=demands) as chat:
        code, found = local.run(chat)
    assert (code, chat.refusals) == (0, 0), texts(found, Kind.ERROR)
    assert (local.folder / "made.txt").read_text() == "ran\n"


def test_a_server_that_refuses_its_own_fields_gets_the_plain_message(local: LocalProcess) -> None:
    def strict(request: dict[str, Any]) -> str | None:
        message = sent_back(request)
        odd = set(message or ()) - {"role", "content", "tool_calls"}
        return f"Extra inputs are not permitted: {odd}" if odd else None

    with chat_server(asks(reasoning_content="hm"), says("done"), demands=strict) as chat:
        code, _ = local.run(chat)
    assert (code, chat.refusals) == (0, 1)


FENCE = "```bash\necho ran >> made.txt\n```"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (says('<tool_call>{"name": "bash", "arguments": {}}</tool_call>'), "as text"),
        (says("<function=bash><parameter=command>ls"), "as text"),
        (says('[TOOL_CALLS][{"name": "bash"}]'), "as text"),
        (says("I began to write", finish="length"), "cut off"),
        (completion({"role": "assistant", "content": None, "reasoning": "hm"}), "only thoughts"),
        (completion({"role": "assistant", "content": None}, finish="length"), "cut off"),
        (says("<think>I should look"), "only thoughts"),
        (says("Let me look:"), "nothing was done"),
        (says("The data is there. Now I'll train the model."), "nothing was done"),
        (says("Good.\n\n**Next, let's check the log**"), "nothing was done"),
        (says("```bash\necho ran"), "not closed"),
        (says("", finish="content_filter"), "content_filter"),
    ],
)
def test_a_broken_reply_is_no_end(local: LocalProcess, answer: Answer, told: str) -> None:
    script = [calls("true"), answer, says(FENCE), says("All done: 41 %. Let me know.")]
    with chat_server(*script) as chat:
        code, _ = local.run(chat)
    assert code == 0
    assert len(chat.requests) == 4
    assert told in chat.requests[2]["messages"][-1]["content"]
    assert (local.folder / "made.txt").read_text() == "ran\n"


def test_after_three_nudges_in_a_row_it_ends_and_says_why(local: LocalProcess) -> None:
    with chat_server(calls("true"), says("Let me look:")) as chat:
        code, found = local.run(chat)
    assert code == 0
    assert len(chat.requests) == 1 + 1 + 3
    assert "4 replies in a row without a command" in texts(found, Kind.ERROR)[-1]


BAD = "```bash\ntouch bad.txt\n```"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>{BAD}</think>\n{FENCE}",
        f"<THINKING>{BAD}</THINKING>{chr(10)}{FENCE}",
        f"{BAD}\n</think>\n{FENCE}",
        FENCE.replace("bash", "Bash"),
        FENCE.replace("```bash", "```SHELL"),
        FENCE.replace("```bash", "````bash title=run").replace("\n```", "\n````"),
        "~~~sh\necho ran >> made.txt\n~~~",
        "```console\n$ echo ran >> made.txt\n```",
        "1. Do this:\n\n   ```bash\n   echo ran >> made.txt\n   ```",
        "- ```zsh\n  echo ran >> made.txt\n  ```",
    ],
)
def test_thoughts_are_not_run_and_fences_of_any_kind_are(local: LocalProcess, text: str) -> None:
    with chat_server(says(text), says("done")) as chat:
        code, _ = local.run(chat)
    assert code == 0
    assert (local.folder / "made.txt").read_text() == "ran\n"
    assert not (local.folder / "bad.txt").exists()


def test_a_model_that_loads_is_waited_for_beyond_the_ordinary_attempts(local: LocalProcess) -> None:
    loading = Answer(
        b'{"error": {"message": "Loading model", "code": 503}}', 503, (("retry-after", "0"),)
    )
    with chat_server(*[loading] * 20, calls("echo ran > made.txt"), says("done")) as chat:
        code, found = local.run(chat)
    assert code == 0
    assert len(chat.requests) == 22
    # Said at the 1st, 2nd, 4th, 8th and 16th time.
    assert len(texts(found, Kind.ERROR)) == 5
    assert "as long as the time allows" in texts(found, Kind.ERROR)[0]


TOOL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "bash", "arguments": ""}}


@pytest.mark.parametrize("comment", [False, True])
def test_a_stream_that_nobody_asked_for_is_read(local: LocalProcess, comment: bool) -> None:
    pieces = ['{"comm', 'and": "echo ran', ' >> made.txt"}']
    deltas = [{"role": "assistant", "content": "I "}, {"content": "work", "tool_calls": [TOOL]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    stream = streamed(*deltas, finish="tool_calls", comment=comment)
    with chat_server(stream, streamed({"content": "done"})) as chat:
        code, found = local.run(chat)
    assert code == 0
    assert (local.folder / "made.txt").read_text() == "ran\n"
    assert texts(found, Kind.MESSAGE) == ["I work", "done"]


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"Upstream said: bad {KEY}", "code": 502}},
        {"error": f"overloaded {KEY}"},
        {"choices": [{"error": {"code": 429, "message": KEY}, "message": {"content": ""}}]},
        {"detail": "x" * 50 + KEY},
        {"choices": [], "detail": "x" * 40 + KEY},
    ],
)
def test_an_error_with_status_200_is_asked_again_and_shows_nothing_of_the_key(
    local: LocalProcess, body: dict[str, Any]
) -> None:
    local.key = Key(KEY_VARIABLE, KEY)
    troubled = Answer(json.dumps(body).encode())
    # Somebody has cut it before: what is left of it at the end is masked, too.
    leak = says(f"my key is {KEY[:40]}")
    with chat_server(troubled, calls(f"echo {'x' * 7980}{KEY}{'y' * 20000}"), leak) as chat:
        code, found = local.run(chat)
    assert code == 0
    assert len(texts(found, Kind.ERROR)) == 1
    said = json.dumps([event.model_dump(mode="json") for event in found])
    saved = (local.folder / ".home" / "local-session.json").read_text()
    parts = {KEY[at : at + 16] for at in range(len(KEY) - 15)}
    assert not [part for part in parts if part in said]
    assert not [part for part in parts if part in saved]


def test_a_context_that_is_cut_without_a_word_is_noticed(local: LocalProcess) -> None:
    work = [calls(f"seq {n}00 {n}00000 | head -c 6000") for n in range(1, 8)]
    with chat_server(*work, says("done"), context=4096) as chat:
        code, found = local.run(chat)
    assert code == 0
    (warning,) = texts(found, Kind.ERROR)
    assert "counts 4096 tokens and no more" in warning
    assert "OLLAMA_CONTEXT_LENGTH" in warning
    sizes = [sum(len(str(m["content"])) for m in r["messages"]) for r in chat.requests]
    # From the warning on, all that is sent fits.
    assert max(sizes[sizes.index(max(sizes)) + 1 :]) < 4 * 4096 < max(sizes)
    assert chat.requests[-1]["messages"][:2] == chat.requests[0]["messages"]


def test_a_server_that_keeps_everything_is_not_warned_about(local: LocalProcess) -> None:
    work = [calls(f"seq {n}00 {n}00000 | head -c 6000") for n in range(1, 6)]
    with chat_server(*work, says("done"), context=1 << 20) as chat:
        _, found = local.run(chat)
    assert not texts(found, Kind.ERROR)
