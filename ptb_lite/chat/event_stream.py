"""A chat completion that came as server-sent events, put together again.

Some servers stream whatever was asked for. Pieces are joined as OpenAI's clients join them: texts
of a delta one after another, tool calls by their index.
"""

from __future__ import annotations

import json
from typing import Any

_WHOLE = {"id", "type", "name"}


def is_stream(body: bytes) -> bool:
    """Whether a body is server-sent events rather than JSON; comments come first at some hosts."""
    return body.lstrip()[:6].startswith((b"data:", b"event:", b":"))


def read_stream(body: bytes) -> dict[str, Any]:
    """One completion of all events. Raises ValueError when one is no JSON or the end is missing."""
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant"}
    finish = None
    ended = False
    for line in body.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            ended = True
            break
        event = json.loads(data)
        if not isinstance(event, dict):
            raise ValueError("an event is no object")
        whole |= {name: value for name, value in event.items() if value is not None}
        choices = event.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            continue
        first = choices[0]
        finish = first.get("finish_reason") or finish
        delta = first.get("delta") or first.get("message")
        if isinstance(delta, dict):
            _join(message, delta)
    if not ended and finish is None and "error" not in whole:
        raise ValueError("the stream breaks off")
    calls = message.pop("tool_calls", None)
    if calls:
        message["tool_calls"] = list(calls.values())
    return {**whole, "choices": [{"message": message, "finish_reason": finish}]}


def _join(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls" and isinstance(value, list):
            calls = message.setdefault("tool_calls", {})
            for number, call in enumerate(value):
                if isinstance(call, dict):
                    index = call.pop("index", None)
                    _join_fields(calls.setdefault(number if index is None else index, {}), call)
        elif name == "role":
            message[name] = value
        else:
            _join_fields(message, {name: value})


def _join_fields(whole: dict[str, Any], part: dict[str, Any]) -> None:
    """Texts grow, objects are joined, anything else is replaced. Names and ids come whole."""
    for name, value in part.items():
        had = whole.get(name)
        if value is None and name in whole:
            continue
        if isinstance(had, dict) and isinstance(value, dict):
            _join_fields(had, value)
        elif isinstance(had, str) and isinstance(value, str) and name not in _WHOLE:
            whole[name] = f"{had}{value}"
        elif isinstance(had, list) and isinstance(value, list):
            whole[name] = [*had, *value]
        else:
            whole[name] = value
