"""No path of text shows a part of a key: whatever an endpoint says, wherever the text is cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptb_lite.agents.event_bounds import LineSplitter, bounded, vocabulary_event
from ptb_lite.agents.local.shell import KEPT_BYTES, BoundedOutput
from ptb_lite.audit.judge.asking import JudgeError, Question
from ptb_lite.audit.judge.endpoint import EndpointJudge
from ptb_lite.chat.endpoint import ChatEndpoint, NoAnswerError
from ptb_lite.chat.masking import mask_line, mask_text
from ptb_lite.evaluation.judge.choice import JudgeChoice
from ptb_lite.evaluation.judge.endpoint import Endpoint, EndpointError
from ptb_lite.evaluation.judge.judge import MAX_KEPT
from tests.functional.agents.chat_server import Answer, chat_server

KEY = "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"
PARTS = {KEY[at : at + 12] for at in range(len(KEY) - 11)}
# Around the places where texts are cut: 100, 300, 500, 2,000, 4,096 and so on.
BEFORE = st.one_of(st.integers(0, 700), st.integers(1900, 2100), st.integers(3900, 4200))


def shows(text: str) -> list[str]:
    return [part for part in PARTS if part in text]


def bodies(before: int) -> list[bytes]:
    said = "x" * before + KEY + "y" * 30
    wrapped: list[Any] = [
        {"error": {"message": said}},
        {"error": said},
        {"detail": said},
        {"choices": [{"message": {"content": said}}]},
        {"choices": [{"message": {"content": [{"type": "text", "text": said}]}}]},
        {"choices": [{"message": {"content": "", "reasoning_content": said}}]},
    ]
    plain = [json.dumps(one).encode() for one in wrapped]
    escaped = [one.replace(b"-", b"\\u002d") for one in plain]
    return [*plain, *escaped, said.encode(), b"data: " + said.encode()]


def heard_of(ask: Any) -> str:
    try:
        return str(ask())
    except (NoAnswerError, EndpointError, JudgeError) as error:
        return str(error)


@settings(max_examples=4, deadline=None)
@given(before=BEFORE, status=st.sampled_from([200, 400, 401, 404, 500]))
def test_nothing_that_an_endpoint_says_shows_a_part_of_the_key(before: int, status: int) -> None:
    question = Question(task="t", evidence="e")
    for body in bodies(before):
        with chat_server(Answer(body, status)) as chat:
            agent = ChatEndpoint(chat.url, key=KEY)
            judge = Endpoint(
                JudgeChoice(model="m", endpoint=chat.url), KEY, first_delay=0.001, reply_seconds=5
            )
            audit = EndpointJudge(chat.url, "m", KEY, seconds=5.0, first_delay=0.001)
            said = [
                heard_of(lambda agent=agent: agent.complete({"model": "m"}, seconds=5)),
                heard_of(lambda judge=judge: judge.ask([{"role": "user", "content": "q"}])),
                heard_of(lambda audit=audit: audit.ask(question)),
            ]
            agent.close()
        for text in said:
            for cut in (text, text[:100], text[-MAX_KEPT:], bounded(text, 4096), repr(text)):
                assert not shows(cut)


@given(before=BEFORE, after=st.integers(0, 300), size=st.integers(1, 200))
def test_a_key_that_others_have_cut_is_masked_at_both_ends(
    before: int, after: int, size: int
) -> None:
    whole = "x " * before + KEY + " y" * after
    for piece in (whole[: 2 * before + size], whole[2 * before + size :]):
        assert not [part for part in shows(mask_text(piece, (KEY,))) if len(part) >= 12]


@given(st.integers(0, len(KEY)))
def test_a_line_that_comes_in_pieces_shows_none(inside: int) -> None:
    splitter = LineSplitter()
    pieces = splitter.feed(b"x" * ((1 << 20) - inside) + KEY.encode() + b"y" * (1 << 20))
    for piece in [*pieces, *splitter.rest()]:
        event = vocabulary_event(mask_line(piece, (KEY,)))
        assert event is None or not shows(event.text)


@given(st.integers(KEPT_BYTES - 100, KEPT_BYTES + 20), st.integers(0, 100))
def test_the_output_of_a_command_is_masked_in_both_halves(before: int, inside: int) -> None:
    output = BoundedOutput(KEY)
    output.add(b"x" * before + KEY.encode() + b"-" * 20_000)
    output.add(KEY.encode() + b"z" * (KEPT_BYTES - inside))
    assert not shows(output.text())


@pytest.mark.parametrize("escaped", ["\\u0073" + KEY[1:], KEY.replace("-", "\\u002d")])
def test_a_key_in_json_escapes_is_found_once_it_is_read(escaped: str) -> None:
    body = '{"choices": [{"message": {"content": "KEY"}}]}'.replace("KEY", escaped)
    with chat_server(Answer(body.encode())) as chat:
        agent = ChatEndpoint(chat.url, key=KEY)
        assert agent.complete({"model": "m"}, seconds=5).text() == "[key]"
        agent.close()
