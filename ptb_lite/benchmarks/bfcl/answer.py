"""Read function calls out of a completion, and a call out of the dataset's own notation.

A call is asked for as `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, the notation of
the parser that PostTrainBench evaluates with (Hermes). As that parser does, a last call whose end
tag is missing is read, and a call outside the tags is not.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import Any

from ptb_lite.evaluation.answer_text import after_thinking

_CALL = re.compile(r"<tool_call>(.*?)</tool_call>|<tool_call>(.*)", re.DOTALL)
_MAX_CALLS = 64
_MAX_TEXT = 2000


@dataclass(frozen=True)
class Call:
    """A function's name and its arguments by name, as JSON has them (lists, never tuples)."""

    name: str
    arguments: dict[str, Any]

    def text(self) -> str:
        """The call as one line, cut to 2000 characters."""
        return json.dumps({"name": self.name, "arguments": self.arguments})[:_MAX_TEXT]


def calls(completion: str) -> tuple[Call, ...] | None:
    """The calls of a completion in order; None when there is none or one of them is malformed."""
    text = after_thinking(completion)
    bodies = [closed or open_ for closed, open_ in _CALL.findall(text)]
    if not bodies or len(bodies) > _MAX_CALLS:
        return None
    found = [_call(body) for body in bodies]
    return None if None in found else tuple(call for call in found if call is not None)


def parse_reference(text: str) -> Call:
    """`name(a=1, b=[2, 3])` of the dataset as a call. Raises ValueError or SyntaxError."""
    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Call) or node.args or any(k.arg is None for k in node.keywords):
        raise ValueError("is not a call with named arguments")
    arguments = {str(k.arg): as_json(ast.literal_eval(k.value)) for k in node.keywords}
    return Call(ast.unparse(node.func), arguments)


def as_json(value: Any) -> Any:
    """`value` with tuples as lists, as JSON writes them."""
    match value:
        case list() | tuple():
            return [as_json(inner) for inner in value]
        case dict():
            return {key: as_json(inner) for key, inner in value.items()}
        case _:
            return value


def _call(body: str) -> Call | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    arguments = found.get("arguments", {})
    return Call(found["name"], arguments) if isinstance(arguments, dict) else None
