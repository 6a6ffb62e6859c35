"""What a program's switches are in every start of it that was seen: options, arguments, variables.

`USE_TEST = os.environ.get("USE_TEST") == "1"`, `args.include_test`, `sys.argv[1]`: evaluated for
each start, and known where all starts agree. Without a start nothing is known.
"""

from __future__ import annotations

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ptb_lite.audit.code.syntax import bound_once

_MAX_DEPTH = 20
_MAX_STEPS = 200_000
"""Of one program: names of lists of names of lists grow without end."""
_COMPARES: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Start:
    """One start of a program: the words behind its name, and the variables that it was given.
    A variable that is not among them has the program's own default."""

    words: tuple[str, ...]
    variables: Mapping[str, str]


class Unknown(Exception):  # noqa: N818
    """What an expression is cannot be told."""


class Settings:
    """Of one program: its names that are bound once, at its top, and what they are in `starts`.
    What may be `rebound` from outside is never known."""

    def __init__(
        self, tree: ast.Module, starts: Sequence[Start], rebound: frozenset[str] = frozenset()
    ) -> None:
        nodes = list(ast.walk(tree))
        self._names = {n: value for n, value in bound_once(tree, nodes).items() if n not in rebound}
        self._starts = starts
        self._options = list(_options(nodes)) if starts else []
        self._changed = _changed(nodes) | rebound
        self._left = _MAX_STEPS

    def constant(self, name: str) -> tuple[Any, ...]:
        """What a name always is; empty: not known."""
        match self._names.get(name):
            case None:
                return ()
            case ast.Constant(value):
                return (value,)
            case expression:
                return self.of(expression)

    def of(self, expression: ast.expr) -> tuple[Any, ...]:
        """The one constant that it is in every start; empty: not known, or not the same."""
        try:
            found = [self._value(expression, start, 0) for start in self._starts]
        except (Unknown, TypeError, ValueError, ArithmeticError, RecursionError):
            return ()
        same = found and all(type(one) is type(found[0]) and one == found[0] for one in found)
        return (found[0],) if same and isinstance(found[0], _PLAIN) else ()

    def _value(self, node: ast.expr, start: Start, depth: int) -> Any:
        self._left -= 1
        if depth > _MAX_DEPTH or self._left < 0:
            raise Unknown

        def value(inner: ast.expr) -> Any:
            return self._value(inner, start, depth + 1)

        match node:
            case ast.Constant(found):
                return found
            case ast.Tuple(parts) | ast.List(parts) | ast.Set(parts):
                return [value(part) for part in parts]
            case ast.Name(name) if name in self._names:
                return value(self._names[name])
            case ast.IfExp(test, body, other):
                return value(body) if value(test) else value(other)
            case ast.UnaryOp(ast.Not(), inner):
                return not value(inner)
            case ast.BoolOp(op, parts):
                for part in parts:
                    found = value(part)
                    if bool(found) == isinstance(op, ast.Or):
                        break
                return found
            case ast.Compare(left, [op], [right]) if type(op) in _COMPARES:
                return _COMPARES[type(op)](value(left), value(right))
            case ast.Subscript(ast.Attribute(ast.Name("sys"), "argv"), ast.Constant(int(place))):
                return self._word(start, place)
            case ast.Subscript(ast.Attribute(ast.Name("os"), "environ"), ast.Constant(str(key))):
                return self._variable(start, key, None, must=True)
            case ast.Attribute(ast.Name(name), option) if name in self._names:
                return self._option(self._names[name], option, start)
            case ast.Call(function, arguments):
                return self._called(function, arguments, value, start)
        raise Unknown

    def _called(
        self,
        function: ast.expr,
        arguments: list[ast.expr],
        value: Callable[[ast.expr], Any],
        start: Start,
    ) -> Any:
        match function, arguments:
            case ast.Name("len"), [ast.Attribute(ast.Name("sys"), "argv")]:
                if "argv" in self._changed:
                    raise Unknown
                return len(start.words) + 1
            case ast.Name("int" | "bool" | "str" as name), [inner]:
                return {"int": int, "bool": bool, "str": str}[name](value(inner))
            case ast.Attribute(inner, "lower" | "strip" | "upper" as name), []:
                return getattr(str(value(inner)), name)()
            case (
                (
                    ast.Attribute(ast.Name("os"), "getenv")
                    | ast.Attribute(ast.Attribute(ast.Name("os"), "environ"), "get")
                ),
                [ast.Constant(str(key)), *default],
            ):
                return self._variable(start, key, value(default[0]) if default else None)
        raise Unknown

    def _word(self, start: Start, place: int) -> str:
        if (
            "argv" in self._changed
            or not 0 < place <= len(start.words)
            or not _is_told(start.words[place - 1])
        ):
            raise Unknown
        return start.words[place - 1]

    def _variable(self, start: Start, key: str, default: Any, *, must: bool = False) -> Any:
        if "environ" in self._changed:
            raise Unknown
        if key not in start.variables:
            if must:
                raise Unknown
            return default
        if not _is_told(start.variables[key]):
            raise Unknown
        return start.variables[key]

    def _option(self, made: ast.expr, option: str, start: Start) -> Any:
        """`args.include_test`, where `args` is what a parser made of the words."""
        match made:
            case ast.Call(ast.Attribute(_, "parse_args"), [], []):
                pass
            case _:
                raise Unknown
        if not self._changed.isdisjoint((option, "argv", "set_defaults")):
            raise Unknown
        declared = [call for call in self._options if option in _destinations(call)]
        if len(declared) != 1 or not all(map(_is_told, start.words)):
            raise Unknown
        keywords = {one.arg: one.value for one in declared[0].keywords}
        flags = [one.value for one in declared[0].args if isinstance(one, ast.Constant)]
        given = _given(start.words, flags)
        match keywords.get("action"):
            case ast.Constant("store_true"):
                return bool(given)
            case ast.Constant("store_false"):
                return not given
            case None if given and given[-1] is not None:
                return given[-1]
            case None if not given:
                default = keywords.get("default", ast.Constant(None))
                if isinstance(default, ast.Constant):
                    return default.value
        raise Unknown


def _changed(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Attributes that the program sets, and `environ`, `argv` where it does more than read them."""
    found, read, seen = set(), Counter[str](), Counter[str]()
    for node in nodes:
        match node:
            case (
                ast.Subscript(ast.Attribute(attr=name), ctx=ast.Load())
                | ast.Call(ast.Attribute(ast.Attribute(attr=name), "get"))
                | ast.Call(ast.Name("len"), [ast.Attribute(attr=name)])
            ):
                read[name] += 1
            case ast.Attribute(attr=name, ctx=ast.Load()):
                seen[name] += 1
                found |= {"set_defaults"} & {name}
                found |= {"environ"} if name in ("putenv", "load_dotenv") else set()
            case ast.Attribute(attr=name):
                found.add(name)
            case ast.alias("load_dotenv" | "putenv" | "environ"):
                found.add("environ")
            case ast.alias("argv"):
                found.add("argv")
    return frozenset(found | {name for name in ("environ", "argv") if seen[name] > read[name]})


def _options(nodes: Iterable[ast.AST]) -> Iterator[ast.Call]:
    for node in nodes:
        match node:
            case ast.Call(ast.Attribute(_, "add_argument")):
                yield node


def _destinations(call: ast.Call) -> list[str]:
    """What an option's value is called; of one without a long name nothing."""
    for one in call.keywords:
        if one.arg == "dest":
            return [str(one.value.value)] if isinstance(one.value, ast.Constant) else []
    long = [one.value for one in call.args if isinstance(one, ast.Constant)]
    names = [name for name in long if isinstance(name, str) and name.startswith("--")]
    return [name[2:].replace("-", "_") for name in names[:1]]


def _given(words: Sequence[str], flags: Sequence[Any]) -> list[str | None]:
    """What the words give an option, each time; None: its name alone. Raises Unknown where it may
    be shortened."""
    found: list[str | None] = []
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in flags:
            after = words[place + 1] if place + 1 < len(words) else "-"
            found.append(value if equals else None if after.startswith("-") else after)
        elif len(name) > 2 and any(str(flag).startswith(name) for flag in flags):
            raise Unknown
    return found


def _is_told(word: str) -> bool:
    return not any(sign in word for sign in "$`*\ufffc")
