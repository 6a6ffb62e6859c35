"""The local agent's parts: where it asks, what it reads, what it keeps."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.agents.local.backend import LocalBackend, local_start
from ptb_lite.agents.local.chat import Reply, reply_of
from ptb_lite.agents.local.session import (
    LEFT_OUT,
    Session,
    load_session,
    mended,
    save_session,
    shortened,
)
from ptb_lite.agents.local.shell import KEPT_BYTES, BoundedOutput, run_command
from ptb_lite.agents.start import AgentStart
from ptb_lite.chat.endpoint import NoAnswerError, read_completion
from ptb_lite.errors import PtbLiteError

HERE = "http://127.0.0.1:11434/v1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def start(model: str | None) -> AgentStart:
    return AgentStart(workspace=Path("/w"), prompt_file=Path("/w/prompt.md"), model=model)


@pytest.mark.parametrize(
    ("model", "variables", "name", "endpoint", "key"),
    [
        (f"qwen3:8b@{HERE}", {}, "qwen3:8b", HERE, None),
        (f"org/m@v2@{HERE}", {"PTB_LITE_API_KEY": "k"}, "org/m@v2", HERE, "k"),
        ("m@v2", {"PTB_LITE_ENDPOINT": HERE}, "m@v2", HERE, None),
        ("m", {"PTB_LITE_ENDPOINT": HERE, "OPENAI_BASE_URL": "http://other"}, "m", HERE, None),
        ("m", {"OPENAI_BASE_URL": HERE, "OPENAI_API_KEY": "k"}, "m", HERE, "k"),
        (
            "m",
            {"OPENAI_BASE_URL": HERE, "OPENAI_API_KEY": "k", "PTB_LITE_API_KEY": "p"},
            "m",
            HERE,
            "p",
        ),
        # A key for one server is not shown to another.
        (f"m@{HERE}", {"OPENAI_API_KEY": "k"}, "m", HERE, None),
        ("m", {"PTB_LITE_ENDPOINT": HERE, "OPENAI_API_KEY": "k"}, "m", HERE, None),
    ],
)
def test_the_endpoint_is_the_one_that_was_named(
    model: str, variables: dict[str, str], name: str, endpoint: str, key: str | None
) -> None:
    made = local_start(start(model), variables)
    assert (made.model, made.endpoint) == (name, endpoint)
    assert (made.key and made.key.value) == key
    assert LocalBackend().environment(made) == ({"PTB_LITE_API_KEY": key} if key else {})
    command = LocalBackend().command(made)
    assert command[command.index("--endpoint") + 1] == endpoint


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (None, "no model"),
        ("", "no model"),
        (f"@{HERE}", "no model"),
        ("m", "no endpoint"),
        ("m@http://", "no URL"),
        ("m@http://[::1", "no URL"),
        ("m@http://me:secret@host/v1", "password"),
    ],
)
def test_what_is_missing_is_said(model: str | None, part: str) -> None:
    with pytest.raises(PtbLiteError, match=part) as raised:
        local_start(start(model), {})
    assert raised.value.field == "agent_model"
    assert "secret" not in str(raised.value)


def read_reply(answer: bytes) -> Reply:
    return reply_of(read_completion(answer))


@given(JSON | st.binary(max_size=200))
def test_any_answer_is_a_reply_or_worth_another_try(value: object) -> None:
    answer = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        reply = read_reply(answer)
    except NoAnswerError:
        return
    assert_can_be_kept(reply)


@given(JSON)
def test_any_message_becomes_one_that_can_be_kept(message: object) -> None:
    answer = json.dumps({"choices": [{"message": message}], "usage": message}).encode()
    if not isinstance(message, dict):
        with pytest.raises(NoAnswerError):
            read_reply(answer)
        return
    assert_can_be_kept(read_reply(answer))


def assert_can_be_kept(reply: Reply) -> None:
    session = Session(id="s").with_messages(reply.message())
    assert Session.model_validate_json(session.model_dump_json()) == session
    json.dumps(reply.message(), ensure_ascii=False).encode()


def test_half_a_surrogate_pair_does_not_stop_it() -> None:
    text = '{"choices": [{"message": {"content": "a\\ud800b"}}]}'
    assert read_reply(text.encode()).text == "a?b"


@given(st.lists(st.binary(max_size=3 * KEPT_BYTES), max_size=6))
def test_output_is_kept_whole_or_at_both_ends(chunks: list[bytes]) -> None:
    output = BoundedOutput()
    for chunk in chunks:
        output.add(chunk)
    whole = b"".join(chunks)
    if len(whole) <= 2 * KEPT_BYTES:
        assert output.text() == whole.decode(errors="replace")
    else:
        assert f"{len(whole) - 2 * KEPT_BYTES} bytes left out" in output.text()
        assert output.text().startswith(whole[:KEPT_BYTES].decode(errors="replace"))
        assert output.text().endswith(whole[-KEPT_BYTES:].decode(errors="replace"))


def run(command: str, seconds: float = 20.0) -> tuple[str, int | None, float]:
    ran = run_command(command, seconds=seconds, environment=dict(os.environ))
    return ran.output, ran.exit_code, ran.seconds


def test_a_flood_is_cut_and_does_not_hold_up_the_command() -> None:
    output, code, _ = run("head -c 30000000 /dev/zero | tr '\\0' x; echo end")
    assert code == 0
    assert len(output) < 3 * KEPT_BYTES
    assert output.endswith("end\n")


def test_what_a_command_leaves_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    output, code, seconds = run(f"(sleep 2; touch {tmp_path}/done) & echo begun")
    assert (output, code) == ("begun\n", 0)
    assert seconds < 1.5
    end = time.monotonic() + 10
    while not (tmp_path / "done").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_command_that_closed_its_output_is_waited_for() -> None:
    _, code, seconds = run("exec >&- 2>&-; sleep 1; exit 3")
    assert code == 3
    assert seconds >= 1.0
    assert run("exec >&- 2>&-; sleep 60", seconds=0.5)[1] is None


def test_nothing_can_be_typed_in() -> None:
    assert run("cat; echo end")[:2] == ("end\n", 0)


def test_a_command_that_cannot_be_started_says_so() -> None:
    assert run("echo a\0b")[1] == 126


def call(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "content": "", "tool_calls": [{"id": name} for name in ids]}


def test_calls_that_were_cut_off_are_answered() -> None:
    answer = {"role": "tool", "tool_call_id": "a", "content": "x"}
    made = mended([call("a", "b"), answer])
    assert [message.get("tool_call_id") for message in made] == [None, "a", "b"]
    assert mended([]) == []
    said = {"role": "user", "content": "go on"}
    assert mended([call("a"), answer, said]) == [call("a"), answer, said]


def test_old_outputs_are_left_out_first_and_the_task_never() -> None:
    long = {"role": "tool", "tool_call_id": "a", "content": "x" * 500}
    messages = [{"role": "system", "content": "s" * 500}, {"role": "user", "content": "t" * 500}]
    messages += [long] * 10
    made = shortened(messages)
    assert made is not None
    assert [m["content"] == LEFT_OUT for m in made] == [False] * 2 + [True] * 2 + [False] * 8
    again = shortened(made)
    assert again is not None
    last = shortened(again)
    assert last is not None
    assert list(last[-6:]) == messages[-6:]
    # Where that is not enough the rest loses its middle, one after another; the task never does.
    while (shorter := shortened(last)) is not None:
        assert sum(a != b for a, b in zip(shorter, last, strict=True)) == 1
        last = shorter
    assert list(last[:2]) == messages[:2]
    assert all(LEFT_OUT in m["content"] and len(m["content"]) < 400 for m in last[2:])


def test_a_saved_session_comes_back(tmp_path: Path) -> None:
    session = Session(id="s", tools=False, input_tokens=3).with_messages(
        {"role": "user", "content": "ü"}
    )
    save_session(session, tmp_path / "home" / "session.json")
    assert load_session(tmp_path / "home" / "session.json", "s") == session
    with pytest.raises(PtbLiteError, match="no saved session"):
        load_session(tmp_path / "home" / "session.json", "t")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(PtbLiteError, match="cannot be read"):
        load_session(tmp_path / "broken.json", "s")
