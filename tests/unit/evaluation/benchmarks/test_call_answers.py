"""BFCL: which call a completion makes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.benchmarks.bfcl.answer import Call, calls, parse_reference

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=4)


def _written(call: Call) -> str:
    return json.dumps({"name": call.name, "arguments": call.arguments})


@given(
    st.text(max_size=10), ARGUMENTS, st.sampled_from(["</tool_call>", "\n</tool_call>\nDone.", ""])
)
def test_a_call_is_read_as_it_was_written(
    name: str, arguments: dict[str, object], end: str
) -> None:
    call = Call(name, arguments)
    text = _written(call)
    if "tool_call>" in text or "</think>" in text:
        return
    assert calls(f"I call:\n<tool_call>\n{text}{end}") == (call,)


@given(ARGUMENTS)
def test_two_calls_are_two(arguments: dict[str, object]) -> None:
    text = f"<tool_call>{_written(Call('f', arguments))}</tool_call>"
    if text.count("tool_call>") == 2 and "</think>" not in text:
        assert calls(text * 2) == (Call("f", arguments),) * 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f(a=1)",
        '{"name": "f", "arguments": {}}',
        "<tool_call></tool_call>",
        "<tool_call>{</tool_call>",
        '<tool_call>{"name": 1, "arguments": {}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
        '<tool_call>["f"]</tool_call>',
        "<tool_call>" + "[" * 100_000 + "</tool_call>",
        "<tool_call>{}</tool_call>" * 100,
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert calls(text) is None


def test_no_arguments_are_an_empty_object() -> None:
    assert calls('<tool_call>{"name": "f"}</tool_call>') == (Call("f", {}),)


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    found = calls(text)
    assert found is None or all(isinstance(call.arguments, dict) for call in found)


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("f(a=1, b=[2.5, 'x'])", Call("f", {"a": 1, "b": [2.5, "x"]})),
        ("f(a=(1, 2), b=-3)", Call("f", {"a": [1, 2], "b": -3})),
        ("m.f(a={'k': (True,)})", Call("m.f", {"a": {"k": [True]}})),
        ("f()", Call("f", {})),
    ],
)
def test_the_notation_of_the_dataset(text: str, call: Call) -> None:
    assert parse_reference(text) == call


@pytest.mark.parametrize("text", ["f(1)", "f(**x)", "f", "f(a=g())", "import os"])
def test_what_is_not_the_notation_is_refused(text: str) -> None:
    with pytest.raises((ValueError, SyntaxError)):
        parse_reference(text)
