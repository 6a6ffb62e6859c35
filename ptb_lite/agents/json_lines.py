"""Reading the JSON lines of scaffolds: nothing in them is taken for granted.

Every reader below takes any value that JSON can hold and gives something bounded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import from_json

from ptb_lite.agents.event_bounds import bounded
from ptb_lite.events import AgentEvent, AgentEventKind

_MAX_TOOL = 100
_MAX_SESSION_ID = 200
# Above this a count is nonsense; it also keeps sums of counts exact.
_MAX_COUNT = 1e15


def json_object(line: bytes) -> dict[str, Any] | None:
    """The object in a line; None for anything else. Never raises."""
    try:
        value = from_json(line)
    except ValueError:
        # Programs cut text within a surrogate pair; only the slower reader takes such lines.
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def read_object(
    line: bytes, read: Callable[[dict[str, Any]], tuple[AgentEvent, ...] | None]
) -> tuple[AgentEvent, ...]:
    """What `read` says of the object in a line; a line that is none, or of which `read` knows
    nothing (None), is kept as it is."""
    value = json_object(line)
    events = read(value) if value is not None else None
    return unknown(line) if events is None else events


def inner(value: object, *path: str) -> dict[str, Any]:
    """The object at `path` inside `value`; empty where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list; empty for anything else."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def clean(value: object) -> str:
    """A string fit for an event: bounded, valid Unicode; any other value as JSON, None as ''."""
    if value is None:
        return ""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "[nested too deeply]"
    return bounded(text).encode("utf-8", "replace").decode("utf-8")


def count(value: object) -> float:
    """A number of tokens, 0 for whatever is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    if not 0 <= value <= _MAX_COUNT or not math.isfinite(value):
        return 0.0
    return float(value)


def said(kind: AgentEventKind, text: object, tool: object = None) -> AgentEvent:
    """An event with a text; `tool` is the name of a tool."""
    return AgentEvent(kind=kind, text=clean(text), tool=_short(tool, _MAX_TOOL))


def spoken(kind: AgentEventKind, text: object) -> tuple[AgentEvent, ...]:
    """An event with a text; none where there is no text."""
    event = said(kind, text)
    return (event,) if event.text.strip() else ()


def result(text: object, tool: object = None, *, failed: bool = False) -> AgentEvent:
    """What came of a tool's call; that it failed is said before its text."""
    shown = f"[failed] {clean(text)}" if failed else text
    return said(AgentEventKind.TOOL_RESULT, shown, tool)


def session(session_id: object, text: object = "") -> AgentEvent:
    return AgentEvent(
        kind=AgentEventKind.SESSION,
        text=clean(text),
        session_id=_short(session_id, _MAX_SESSION_ID),
    )


def tool_call(name: object, arguments: object) -> AgentEvent:
    """A call; its text is the command where there is one, else all arguments as JSON."""
    command = arguments.get("command") if isinstance(arguments, dict) else None
    return said(AgentEventKind.TOOL_CALL, command if isinstance(command, str) else arguments, name)


def uncounted(event: AgentEvent) -> AgentEvent:
    """An event of something whose tokens its program does not tell."""
    return event.model_copy(update={"data": {"uncounted": 1.0}})


def of_sub_agent(name: object, events: tuple[AgentEvent, ...]) -> tuple[AgentEvent, ...]:
    """The events, marked with the name of the sub-agent that they are of; as they are for none."""
    parent = _short(name, _MAX_TOOL)
    return tuple(e.model_copy(update={"parent": parent}) for e in events) if parent else events


def usage(figures: Mapping[str, float]) -> tuple[AgentEvent, ...]:
    """Tokens used since the last usage event; nothing where all figures are 0."""
    if not any(figures.values()):
        return ()
    return (AgentEvent(kind=AgentEventKind.USAGE, data=dict(figures)),)


def tokens(read: object, cached: object, written: object) -> dict[str, float]:
    """The figures of a usage event from three counts: read, of these from a cache, written."""
    return {
        "input_tokens": count(read),
        "cached_input_tokens": count(cached),
        "output_tokens": count(written),
    }


def cost(dollars: object) -> dict[str, float]:
    """What a program says that its model cost, for a usage event; empty where it names no price."""
    amount = count(dollars)
    return {"cost_usd": amount} if amount else {}


def increase(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """By how much each figure has grown; 0 where it has not."""
    return {name: max(0.0, value - before.get(name, 0.0)) for name, value in now.items()}


def largest(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """The larger of each figure."""
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in {**one, **other}}


def total(*figures: Mapping[str, float]) -> dict[str, float]:
    """The sum of each figure."""
    names = dict.fromkeys(name for each in figures for name in each)
    return {name: sum(each.get(name, 0.0) for each in figures) for name in names}


def unknown(line: bytes) -> tuple[AgentEvent, ...]:
    """A line that was not understood, kept as it is; nothing for an empty one."""
    text = line.decode("utf-8", errors="replace").strip()
    return (said(AgentEventKind.UNKNOWN, text),) if text else ()


def _short(value: object, length: int) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value[:length].encode("utf-8", "replace").decode("utf-8")
