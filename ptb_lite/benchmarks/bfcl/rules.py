"""Two rules for a function call.

`plainly_equal` is PostTrainBench's: same name, and arguments that are equal as Python values, so
that 5.0 passes for 5 and True for 1. `type_aware` follows the checker of the Berkeley Function
Calling Leaderboard (`ast_checker`, category simple): every value must have the type that the
function's schema says, an int may stand for a float but not a float for an int, strings are
compared without case, spaces and punctuation, and lists element by element.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ptb_lite.benchmarks.bfcl.answer import Call

_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_IGNORED = re.compile(r"[ ,./\-_*^]")


def plainly_equal(call: Call, wanted: Call) -> bool:
    """Name and arguments are equal; the order of arguments does not count, that of lists does."""
    return call.name == wanted.name and call.arguments == wanted.arguments


def type_aware(call: Call, wanted: Call, function: Mapping[str, Any]) -> bool:
    """Name, argument names, types by the schema, and values by the leaderboard's rules.

    `function` is the dataset's description of it. An argument that the reference call leaves out
    may not be given.
    """
    parameters = function.get("parameters", {})
    schema: Mapping[str, Any] = parameters.get("properties", {})
    if call.name != wanted.name or call.arguments.keys() != wanted.arguments.keys():
        return False
    if not set(parameters.get("required", ())) <= call.arguments.keys():
        return False
    return all(
        name in schema
        and _fits(value, wanted.arguments[name], schema[name])
        and _same(value, wanted.arguments[name])
        for name, value in call.arguments.items()
    )


def _fits(value: Any, wanted: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value has the schema's type, or that of the reference where they disagree.

    An int may stand for a float. Elements of a list are checked one level deep, and there an int
    stands for a float only where the reference has ints. What is written exactly as in the
    reference always fits: the leaderboard's checker refuses an answer of its own (exec_simple_93).
    """
    if repr(value) == repr(wanted):
        return True
    expected = _TYPES.get(str(schema.get("type")))
    if expected is float and type(value) is int:
        return True
    if type(value) is not expected:
        return type(value) is type(wanted)
    items = schema.get("items")
    if not isinstance(value, list) or not isinstance(items, Mapping) or "type" not in items:
        return True
    allowed = {_TYPES.get(str(items["type"]))}
    if isinstance(wanted, list) and wanted:
        allowed.add(type(wanted[0]))
    return all(type(element) in allowed for element in value)


def _same(value: Any, wanted: Any) -> bool:
    match value:
        case str():
            return isinstance(wanted, str) and _standard(value) == _standard(wanted)
        case list():
            return bool(_standard_all(value) == _standard_all(wanted))
        case dict():
            return (
                isinstance(wanted, dict)
                and value.keys() == wanted.keys()
                and all(_same(inner, wanted[key]) for key, inner in value.items())
            )
        case _:
            return bool(value == wanted)


def _standard(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')


def _standard_all(value: Any) -> Any:
    if isinstance(value, str):
        return _standard(value)
    return [_standard_all(inner) for inner in value] if isinstance(value, list) else value
