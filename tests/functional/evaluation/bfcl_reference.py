"""The leaderboard's documented rules for one call (`ast_checker`, Python, category simple).

Written a second time, from the description of the rules and in their order, so that the tests can
compare: https://github.com/ShishirPatil/gorilla, berkeley-function-call-leaderboard. `possible`
maps each argument to the list of its accepted values.
"""

from __future__ import annotations

import string
from typing import Any

TYPES = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
DROPPED = str.maketrans(dict.fromkeys(" ,./-_*^", "") | {"'": '"'})
assert set(" ,./-_*^") <= set(string.punctuation + " ")


def check(
    function: dict[str, Any], name: str, arguments: dict[str, Any], possible: dict[str, list[Any]]
) -> str:
    """Empty when the call is valid, else the first rule that it breaks."""
    if name != function["name"]:
        return "name"
    properties = function["parameters"]["properties"]
    for required in function["parameters"]["required"]:
        if required not in arguments:
            return "missing required"
    for argument, given in arguments.items():
        if argument not in properties or argument not in possible:
            return "unexpected"
        value = given
        accepted = possible[argument]
        expected = TYPES[properties[argument]["type"]]
        if expected is list and isinstance(value, tuple):
            value = list(value)
        if expected is float and type(value) is int:
            value = float(value)
        nested = None
        if properties[argument]["type"] in ("array", "tuple") and "items" in properties[argument]:
            nested = TYPES[properties[argument]["items"]["type"]]
        if not _type_is_right(value, accepted, expected, nested):
            return "type"
        if not _value_is_accepted(value, accepted):
            return "value"
    for argument, accepted in possible.items():
        if argument not in arguments and "" not in accepted:
            return "missing optional"
    return ""


def _type_is_right(value: Any, accepted: list[Any], expected: type, nested: type | None) -> bool:
    of_answer = next((type(answer) for answer in accepted if answer != ""), None)
    if type(value) is not expected:
        return of_answer is not None and type(value) is of_answer
    if nested is None:
        return True
    for answer in accepted:
        if not isinstance(answer, list):
            return True
        if all(_type_is_right(element, answer, nested, None) for element in value):
            return True
    return False


def _value_is_accepted(value: Any, accepted: list[Any]) -> bool:
    if isinstance(value, str):
        return standard(value) in [
            standard(answer) for answer in accepted if isinstance(answer, str)
        ]
    if isinstance(value, list):
        lists = [[standard(x) for x in answer] for answer in accepted if isinstance(answer, list)]
        return [standard(element) for element in value] in lists
    return value in accepted


def standard(value: Any) -> Any:
    return value.translate(DROPPED).lower() if isinstance(value, str) else value
