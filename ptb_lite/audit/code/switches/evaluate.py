"""What an expression of settings is in one start of a program."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from ptb_lite.audit.code.switches.changes import Changes
from ptb_lite.audit.code.switches.config_files import ConfigFiles
from ptb_lite.audit.code.switches.config_reads import (
    file_read,
    makes_reader,
    path_of,
    without_names,
)
from ptb_lite.audit.code.switches.options import Options
from ptb_lite.audit.code.switches.start import Start, Unknown

_MAX_DEPTH = 30
MAX_STEPS = 200_000
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
_NAMESPACES = {"SimpleNamespace", "Namespace", "dict", "create", "DictConfig", "EasyDict"}
_CASTS = {"int": int, "bool": bool, "str": str, "float": float, "list": list, "set": list}
_YES, _NO = ("1", "yes", "true", "on"), ("0", "no", "false", "off")

Local = Mapping[str, Any]


class Evaluator:
    """`names` are bound once, `functions` defined once, `readers` what names of configuration
    readers are given to read, `hydra` the files that are handed to functions by parameter."""

    names: dict[str, ast.expr]
    functions: dict[str, ast.FunctionDef]
    readers: dict[str, list[ast.expr]]
    hydra: dict[str, str]
    files: ConfigFiles
    options: Options
    changes: Changes
    left = MAX_STEPS

    def value(self, node: ast.expr, start: Start, depth: int, local: Local) -> Any:
        """Raises Unknown, and whatever the operations do on wrong operands."""
        self.left -= 1
        if depth > _MAX_DEPTH or self.left < 0:
            raise Unknown

        def value(inner: ast.expr) -> Any:
            return self.value(inner, start, depth + 1, local)

        match node:
            case ast.Constant(found):
                return found
            case ast.Tuple(parts) | ast.List(parts) | ast.Set(parts):
                return [value(part) for part in parts]
            case ast.Dict(keys, values) if all(keys):
                return {value(k): value(v) for k, v in zip(keys, values, strict=True) if k}
            case ast.Name(name):
                return self._name(name, start, depth, local)
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
            case ast.Attribute(ast.Name("sys"), "argv"):
                self._unchanged("argv")
                return ["", *start.all_words()]
            case ast.Subscript(ast.Attribute(ast.Name("os"), "environ"), ast.Constant(str(key))):
                return self._variable(start, key, None, must=True)
            case ast.Subscript(table, key):
                return self._item(value(table), value(key), table)
            case ast.Attribute(owner, name):
                return self.attribute(owner, name, start, depth, local)
            case ast.Call():
                return self._called(node, value, start, depth, local)
        raise Unknown

    def attribute(self, owner: ast.expr, name: str, start: Start, depth: int, local: Local) -> Any:
        """Raises as `value` does."""
        raise NotImplementedError

    def made(self, call: ast.Call, start: Start, depth: int, local: Local) -> Any:
        """An object of a class of the program's own. Raises as `value` does."""
        raise NotImplementedError

    def other(self, name: str, start: Start, depth: int) -> Any:
        """What a name of another file, or of a class, is. Raises as `value` does."""
        raise NotImplementedError

    def _name(self, name: str, start: Start, depth: int, local: Local) -> Any:
        if name in local:
            return local[name]
        if name in self.readers and makes_reader(self.names.get(name, ast.Constant(0))):
            return self._all_read(name, start, depth, local)
        if name in self.names:
            return self.value(self.names[name], start, depth + 1, {})
        if name in self.hydra:
            return self._handed(self.hydra[name], start)
        if self.options.has(name, parameter=True):
            return self.options.value(name, start)
        return self.other(name, start, depth)

    def _all_read(self, name: str, start: Start, depth: int, local: Local) -> Any:
        found: dict[str, Any] = {}
        for path in self.readers[name]:
            found |= self._file(path, start, depth, local)
        return found

    def _file(self, path: ast.expr, start: Start, depth: int, local: Local) -> Any:
        def text(node: ast.expr) -> Any:
            return self.value(node, start, depth + 1, local)

        return self.files.read(path_of(path, text), start.version)

    def _handed(self, path: str, start: Start) -> Any:
        """A configuration as it is handed to a function, with what the words put over it."""
        found = self.files.read(path, start.version)
        for word in start.all_words() if start.seen else ():
            key, given, value = word.lstrip("+").partition("=")
            if not given or not isinstance(found, dict) or key.startswith("-"):
                raise Unknown
            *folders, last = key.split(".")
            inner = found
            for folder in folders:
                inner = inner.setdefault(folder, {})
            low = value.lower()
            inner[last] = True if low in _YES else False if low in _NO else value
        return found

    def _item(self, table: Any, key: Any, node: ast.expr) -> Any:
        root = node
        while isinstance(root, ast.Subscript | ast.Attribute):
            root = root.value
        name = root.id if isinstance(root, ast.Name) else ""
        if key in self.changes.keys or name in self.changes.tables:
            raise Unknown
        return table[key]

    def _called(
        self,
        node: ast.Call,
        value: Callable[[ast.expr], Any],
        start: Start,
        depth: int,
        local: Local,
    ) -> Any:
        path = file_read(node)
        if path is not None:
            return self._file(path, start, depth, local)
        match node.func, node.args:
            case ast.Name("len"), [ast.Attribute(ast.Name("sys"), "argv")]:
                self._unchanged("argv")
                return len(start.words) + 1 if start.seen else self._word(start, 1)
            case ast.Name(name), [inner] if name in _CASTS and name not in self.functions:
                return _CASTS[name](value(inner))
            case (
                (
                    ast.Attribute(ast.Name("os"), "getenv")
                    | ast.Attribute(ast.Attribute(ast.Name("os"), "environ"), "get")
                ),
                [ast.Constant(str(key)), *default],
            ):
                return self._variable(start, key, value(default[0]) if default else None)
            case ((ast.Name(name) | ast.Attribute(attr=name)), []) if name in _NAMESPACES:
                return {one.arg: value(one.value) for one in node.keywords if one.arg}
            case ast.Attribute(_, "create"), [ast.Dict() as inner]:
                return value(inner)
            case ast.Name(name), _ if name in self.functions:
                return self._own(self.functions[name], node, value, start, depth)
            case ast.Name(), _:
                return self.made(node, start, depth, local)
            case ast.Attribute(owner, name), arguments:
                return self._method(owner, name, arguments, node, value)
        raise Unknown

    def _method(
        self,
        owner: ast.expr,
        name: str,
        arguments: list[ast.expr],
        node: ast.Call,
        value: Callable[[ast.expr], Any],
    ) -> Any:
        match name, arguments:
            case "lower" | "strip" | "upper", []:
                return getattr(str(value(owner)), name)()
            case "startswith" | "endswith", [ast.Constant(str(text))]:
                return getattr(str(value(owner)), name)(text)
            case "split", [ast.Constant(str(text))]:
                return str(value(owner)).split(text)
            case "parse_args", []:
                return self.options
        held, given = value(owner), [value(one) for one in arguments]
        fallback = next((value(k.value) for k in node.keywords if k.arg == "fallback"), None)
        if not isinstance(held, dict) or not given or given[-1] in self.changes.keys:
            raise Unknown
        match name, given:
            case "get", [key] if not isinstance(held.get(key), dict):
                return held.get(key, fallback)
            case "get", [key, otherwise] if not _is_sections(held):
                return held.get(key, otherwise)
            case "get" | "getboolean" | "getint" | "getfloat", [*sections, key]:
                for section in sections:
                    held = held.get(section, {})
                found = held.get(str(key).lower(), fallback)
                return _cast(found, name)
        raise Unknown

    def _own(
        self,
        function: ast.FunctionDef,
        node: ast.Call,
        value: Callable[[ast.expr], Any],
        start: Start,
        depth: int,
    ) -> Any:
        """What a function gives back that has no branches. Raises as `value` does."""
        local = self.parameters(function, node, value, start, depth)
        return self._body(function.body, local, start, depth)

    def parameters(
        self,
        function: ast.FunctionDef,
        node: ast.Call,
        value: Callable[[ast.expr], Any],
        start: Start,
        depth: int,
        skip: int = 0,
    ) -> dict[str, Any]:
        """What a call gives to a function; what is not known is left out. Raises Unknown."""
        given = function.args
        names = [one.arg for one in (*given.posonlyargs, *given.args)][skip:]
        asked: dict[str, ast.expr] = dict(
            zip(reversed(names), reversed(given.defaults), strict=False)
        )
        asked |= {
            one.arg: default
            for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
            if default is not None
        }
        local: dict[str, Any] = {}
        for name, default in asked.items():
            local |= _attempt(name, lambda node: self.value(node, start, depth + 1, {}), default)
        passed = {**dict(zip(names, node.args, strict=False)),
                  **{one.arg: one.value for one in node.keywords if one.arg}}  # fmt: skip
        for name, expression in passed.items():
            local.pop(name, None)
            local |= _attempt(name, value, expression)
        return local

    def _body(self, body: list[ast.stmt], local: dict[str, Any], start: Start, depth: int) -> Any:
        def value(node: ast.expr) -> Any:
            return self.value(node, start, depth + 1, local)

        for statement in body:
            match statement:
                case ast.Assign([ast.Name(name)], inner):
                    known = _attempt(name, value, inner)
                    local.pop(name, None)
                    local.update(known)
                case ast.With(items, inside):
                    return self._body(without_names(inside, items), local, start, depth)
                case ast.Return(ast.expr() as inner):
                    return value(inner)
                case ast.Expr() | ast.Import() | ast.ImportFrom():
                    continue
                case _:
                    break
        raise Unknown

    def _word(self, start: Start, place: int) -> str:
        self._unchanged("argv")
        words = start.all_words() if place < 0 or not start.seen else list(start.words)
        if not 0 < place <= len(words) or any(sign in words[place - 1] for sign in "$`*\ufffc"):
            raise Unknown
        return words[place - 1]

    def _variable(self, start: Start, key: str, default: Any, *, must: bool = False) -> Any:
        self._unchanged("environ")
        found = start.variable(key)
        if found is None and must:
            raise Unknown
        return default if found is None else found

    def _unchanged(self, name: str) -> None:
        """Raises Unknown where the program sets it."""
        if name in self.changes.attributes:
            raise Unknown


def _attempt(name: str, value: Callable[[ast.expr], Any], node: ast.expr) -> dict[str, Any]:
    try:
        return {name: value(node)}
    except (Unknown, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        return {}


def _is_sections(held: dict[Any, Any]) -> bool:
    return bool(held) and all(isinstance(inner, dict) for inner in held.values())


def _cast(found: Any, method: str) -> Any:
    match method, found:
        case "getboolean", str() if found.lower() in (*_YES, *_NO):
            return found.lower() in _YES
        case "getint", str():
            return int(found)
        case "getfloat", str():
            return float(found)
        case ("get", _) | (_, bool() | int()):
            return found
    raise Unknown
