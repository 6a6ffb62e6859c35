"""What the words of a start give to a program's options, whichever parser reads them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ptb_lite.audit.code.switches.start import Start, Unknown

_COMMANDS = {"command", "group", "callback"}
_HANDED = {"Fire", "run"}


class Options:
    """The options that a program declares: argparse's by `add_argument`, click's by decorators,
    typer's and fire's as the parameters of a function."""

    def __init__(self, nodes: Sequence[ast.AST], bound: Counter[str]) -> None:
        self._declared: list[ast.Call] = []
        self._marks: list[ast.Call] = []
        self._parameters: dict[str, ast.expr | None] = {}
        self._bound = bound
        self.parsers = 0
        handed = set()
        for node in nodes:
            match node:
                case ast.Call(ast.Attribute(_, "add_argument")):
                    self._declared.append(node)
                case ast.Call(ast.Attribute(_, "parse_args" | "parse_known_args")):
                    self.parsers += 1
                case ast.Call(ast.Attribute(_, name) | ast.Name(name), [ast.Name(function), *_]):
                    handed |= {function} if name in _HANDED else set()
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                self._of_function(node, node.name in handed)

    def _of_function(self, node: ast.FunctionDef, handed: bool) -> None:
        marks = [one for one in node.decorator_list if isinstance(one, ast.Call)]
        names = {one.func.attr for one in marks if isinstance(one.func, ast.Attribute)}
        if "option" in names:
            self._marks += [one for one in marks if _last(one) == "option"]
        elif handed or names & _COMMANDS:
            given = node.args
            places = [None] * (len(given.args) - len(given.defaults))
            self._parameters |= {
                one.arg: default
                for one, default in zip(given.args, [*places, *given.defaults], strict=True)
            }

    def has(self, name: str, *, parameter: bool = False) -> bool:
        """Whether a parser gives this attribute, or a command this parameter."""
        if not parameter:
            return bool(_of(name, self._declared))
        return self._bound[name] == 1 and (name in self._parameters or bool(_of(name, self._marks)))

    def value(self, name: str, start: Start) -> Any:
        """What an option is. Raises Unknown."""
        declared = _of(name, self._declared) or _of(name, self._marks)
        if name in self._parameters and not declared:
            return self._parameter(name, self._parameters[name], start)
        if len(declared) != 1:
            raise Unknown
        words = start.all_words()
        keywords = {one.arg: one.value for one in declared[0].keywords}
        flags = [one.value for one in declared[0].args if isinstance(one, ast.Constant)]
        if "is_flag" in keywords and any("/" in str(flag) for flag in flags):
            raise Unknown
        given = given_to(words, flags)
        match keywords.get("action"):
            case None if isinstance(keywords.get("is_flag"), ast.Constant):
                return bool(given) or _default(keywords.get("default"), False)
            case ast.Constant("store_true"):
                return bool(given)
            case ast.Constant("store_false"):
                return not given
            case None if given and given[-1] is not None:
                return given[-1]
            case None if not given:
                return _default(keywords.get("default"), None)
        raise Unknown

    @staticmethod
    def _parameter(name: str, default: ast.expr | None, start: Start) -> Any:
        match default:
            case ast.Call(_, [ast.Constant() as first, *_]):
                default = first
        return given_or(_default(default, None), name, start)


def _of(name: str, calls: list[ast.Call]) -> list[ast.Call]:
    return [call for call in calls if name in destinations(call)]


def given_or(default: Any, name: str, start: Start) -> Any:
    """What the words give `--name`, `--no-name` or `name=value`, where none of them the default.
    Raises Unknown."""
    words = start.all_words()
    dashed = name.replace("_", "-")
    if any(word in (f"--no-{dashed}", f"--no{name}", f"--no_{name}") for word in words):
        return False
    given = given_to(words, [f"--{name}", f"--{dashed}"])
    given += [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]
    if not given:
        return default
    found = given[-1]
    if isinstance(default, bool):
        return found is None or found.lower() in ("1", "true", "yes", "on")
    if found is None:
        raise Unknown
    return found


def destinations(call: ast.Call) -> Iterator[str]:
    """What an option's value is called; of one without a long name nothing."""
    for one in call.keywords:
        if one.arg == "dest":
            if isinstance(one.value, ast.Constant):
                yield str(one.value.value)
            return
    names = [one.value for one in call.args if isinstance(one, ast.Constant)]
    own = [name for name in names if isinstance(name, str)]
    bare = [name for name in own if name.isidentifier()] if "option" in _last(call) else []
    long = [name[2:].replace("-", "_") for name in own if name.startswith("--")]
    yield from (bare or long)[:1]


def given_to(words: Sequence[str], flags: Sequence[Any]) -> list[str | None]:
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


def _default(node: ast.expr | None, otherwise: Any) -> Any:
    """Raises Unknown."""
    match node:
        case None:
            return otherwise
        case ast.Constant(value):
            return value
    raise Unknown


def _last(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
