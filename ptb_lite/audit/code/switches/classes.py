"""Fields of a program's own classes: what an object has by them before anybody changes it."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Sequence

_RECORDS = {"BaseModel", "BaseSettings", "NamedTuple", "Struct"}
_ENUMS = {"Enum", "StrEnum", "IntEnum"}
_FIELDS = {"field", "Field", "attrib", "ib"}


class Classes:
    """Those that a program defines once, by name, with the calls that make their objects."""

    def __init__(self, nodes: Sequence[ast.AST], bound: Counter[str]) -> None:
        self._all = {
            node.name: node
            for node in nodes
            if isinstance(node, ast.ClassDef) and bound[node.name] == 1
        }
        self.calls: dict[str, list[ast.Call]] = defaultdict(list)
        self.handed: set[str] = set()
        """Those whose objects others make: `HfArgumentParser(Config)`."""
        for node in nodes:
            match node:
                case ast.Call(ast.Name(name)) if name in self._all:
                    self.calls[name].append(node)
            for one in node.args if isinstance(node, ast.Call) else ():
                if isinstance(one, ast.Name) and one.id in self._all:
                    self.handed.add(one.id)

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def owner(self, attribute: str) -> str | None:
        """The one class that has an attribute."""
        found = [name for name in self._all if self.has(name, attribute)]
        return found[0] if len(found) == 1 else None

    def has(self, name: str, attribute: str) -> bool:
        return attribute in self.fields(name) or self.set_at_start(name, attribute) is not None

    def is_enum(self, name: str) -> bool:
        return bool(self._bases(name) & _ENUMS)

    def reads_variables(self, name: str) -> bool:
        return "BaseSettings" in self._bases(name)

    def is_record(self, name: str) -> bool:
        """Whether its fields are what its objects are made from."""
        marks = {_last(one) for one in self._all[name].decorator_list}
        return bool(marks & {"dataclass", "define", "frozen", "s"} or self._bases(name) & _RECORDS)

    def fields(self, name: str) -> dict[str, ast.expr | None]:
        """Its own, each with what it is by default."""
        found: dict[str, ast.expr | None] = {}
        for statement in self._all[name].body:
            match statement:
                case ast.AnnAssign(ast.Name(field), _, value):
                    found[field] = _default(value)
                case ast.Assign([ast.Name(field)], value):
                    found[field] = value
        return found

    def start(self, name: str) -> ast.FunctionDef | None:
        """Its `__init__`."""
        return next(
            (
                one
                for one in self._all[name].body
                if isinstance(one, ast.FunctionDef) and one.name == "__init__"
            ),
            None,
        )

    def set_at_start(self, name: str, attribute: str) -> ast.expr | None:
        """What `__init__` sets an attribute to."""
        start = self.start(name)
        for statement in start.body if start else ():
            match statement:
                case ast.Assign([ast.Attribute(ast.Name("self"), field)], value) | ast.AnnAssign(
                    ast.Attribute(ast.Name("self"), field), value=ast.expr() as value
                ) if field == attribute:
                    return value
        return None

    def _bases(self, name: str) -> set[str]:
        return {_last(base) for base in self._all[name].bases}


def _default(value: ast.expr | None) -> ast.expr | None:
    """`field(default=3)`, `Field(3)`."""
    match value:
        case ast.Call(function, arguments) if _last(function) in _FIELDS:
            given = {one.arg: one.value for one in value.keywords}
            return given.get("default", arguments[0] if arguments else None)
    return value


def _last(node: ast.expr) -> str:
    match node:
        case ast.Call(function):
            return _last(function)
        case ast.Attribute(attr=name) | ast.Name(name):
            return name
    return ""
