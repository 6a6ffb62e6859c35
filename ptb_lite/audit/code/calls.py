"""What calls are worth: the part of the interpreter that knows functions, methods and imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from ptb_lite.audit.code import builtin
from ptb_lite.audit.code.values import (
    MAX_ELEMENTS,
    MAX_MADE,
    MAX_WEIGHT,
    NOTHING,
    Label,
    Ref,
    Site,
    Value,
    known,
    merge,
    union,
    weight,
)

_ADDING_METHODS = {"append", "extend", "add", "update", "insert", "appendleft", "put"}
# What tells of data without holding any of it.
_UNRELATED = {"len", "print", "type", "isinstance", "sum", "max", "min", "any", "all", "bool", "id"}
_PATH_METHODS = {
    "read_text", "read_bytes", "write_text", "write_bytes", "open", "glob", "rglob", "iterdir",
}  # fmt: skip
ERRORS = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError
)  # fmt: skip


class Calls:
    """`names` are the values of variables, `functions` the parameters of local functions, `bound`
    what their calls gave them and `returned` what they give back."""

    def __init__(
        self,
        label: Callable[[Site], Iterable[Label]],
        pick: Callable[[Label, object], Label],
    ) -> None:
        self._label, self._pick = label, pick
        self.names: dict[str, Value] = {}
        self.functions: dict[str, tuple[str, ...]] = {}
        self.bound: dict[tuple[str, str], Value] = {}
        self.returned: dict[str, Value] = {}
        self.sites: list[Site] = []
        self.made: list[tuple[int, str]] = []
        self.steps = 0
        self.room = MAX_MADE

    def spend(self) -> None:
        """Count a step. Raises OutOfStepsError when there were too many."""
        raise NotImplementedError

    def pay(self, *made: Any) -> bool:
        """Whether there is room for values that were just made; it is then taken."""
        size = weight(*made)
        self.room -= min(size, self.room) if size <= MAX_WEIGHT else 0
        return size <= MAX_WEIGHT and self.room > 0

    def paid(self, value: Value) -> Value:
        """The value, or what is left of it where it has no room: its labels."""
        return value if self.pay(*value.alternatives) else Value((), value.labels)

    def value(self, node: ast.expr) -> Value:
        raise NotImplementedError

    def attribute(self, node: ast.Attribute, owner: Value) -> Value:
        raise NotImplementedError

    def note_made(self, node: ast.expr, value: Value) -> Value:
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError

    def taint(self, node: ast.expr, labels: frozenset[Label]) -> None:
        raise NotImplementedError

    def call(self, node: ast.Call) -> Value:
        owner = NOTHING  # looked at once only: chained calls would double the work at each link
        if isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value)
            callee = self.attribute(node.func, owner)
        else:
            callee = self.value(node.func)
        args = [self.value(arg) for arg in node.args]
        keywords = {word.arg or "**": self.value(word.value) for word in node.keywords}
        everything = [*args, *keywords.values()]
        labels = union(everything) | callee.labels
        if isinstance(node.func, ast.Attribute) and node.func.attr in _ADDING_METHODS:
            self.taint(node.func.value, union(everything))
        found = [self._constant_call(node, owner, callee, args, keywords)]
        found += self._path_call(node, owner, args, keywords)
        for ref in callee.refs():
            found.append(self._named_call(node, ref, args, keywords, callee.labels))
        result = merge(*found)
        dropped = isinstance(node.func, ast.Name) and node.func.id in _UNRELATED
        if dropped:
            return Value(result.alternatives)
        return self.note_made(node, result.with_labels(labels))

    def _path_call(
        self, node: ast.Call, owner: Value, args: list[Value], keywords: dict[str, Value]
    ) -> list[Value]:
        """`(Path("a") / "b").read_text()`: paths are texts here, and no text has such a method."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in _PATH_METHODS:
            return []
        found = []
        for one in owner.alternatives:
            if isinstance(one, str):
                made = Site("pathlib.Path", node.lineno, (known(one),))
                name = f"pathlib.Path().{node.func.attr}"
                site = Site(name, node.lineno, tuple(args), keywords, made, owner.labels)
                self.sites.append(site)
                found.append(known(Ref(f"{name}()", site), labels=self._label(site)))
        return found

    def _named_call(
        self,
        node: ast.Call,
        ref: Ref,
        args: list[Value],
        keywords: dict[str, Value],
        receiver_labels: frozenset[Label],
    ) -> Value:
        name, args, keywords = self._undo_indirection(ref, args, keywords)
        if name in self.functions:
            return self._local_call(name, args, keywords)
        if name in ("importlib.import_module", "__import__") and args:
            modules = [known(Ref(text)) for text in args[0].texts()]
            self.sites += [Site(f"import:{text}", node.lineno) for text in args[0].texts()]
            return merge(*modules)
        if name == "getattr" and len(args) > 1:
            refs = [
                known(Ref(f"{owner.name}.{attribute}", owner.site))
                for owner in args[0].refs()
                for attribute in args[1].texts()
            ]
            return merge(*refs)
        receiver = ref.site if isinstance(node.func, ast.Attribute) or ref.site else None
        site = Site(name, node.lineno, tuple(args), keywords, receiver, receiver_labels)
        self.sites.append(site)
        return known(Ref(f"{name}()", site), labels=self._label(site))

    def _undo_indirection(
        self, ref: Ref, args: list[Value], keywords: dict[str, Value]
    ) -> tuple[str, list[Value], dict[str, Value]]:
        """`functools.partial(load, "x")()` is `load("x")`."""
        if ref.name == "functools.partial()" and ref.site is not None and ref.site.args:
            inner = ref.site.args[0].refs()
            if inner:
                earlier = list(ref.site.args[1:])
                return inner[0].name, earlier + args, {**ref.site.keywords, **keywords}
        return ref.name, args, keywords

    def _local_call(self, name: str, args: list[Value], keywords: dict[str, Value]) -> Value:
        parameters = self.functions[name]
        for parameter, value in [*zip(parameters, args, strict=False), *keywords.items()]:
            key = (name, parameter)
            self.bound[key] = merge(self.bound.get(key, NOTHING), value)
        return self.returned.get(name, NOTHING)

    def _constant_call(
        self,
        node: ast.Call,
        owner: Value,
        callee: Value,
        args: list[Value],
        keywords: dict[str, Value],
    ) -> Value:
        """The result where everything it depends on is constant."""
        given = [self._plain(value) for value in args]
        words = {key: self._plain(value) for key, value in keywords.items()}
        if any(value is None for value in given) or any(v is None for v in words.values()):
            return self._mapped(callee, args)
        results: list[Any] = []
        if isinstance(node.func, ast.Attribute):
            for one in owner.alternatives:
                if not isinstance(one, Ref):
                    results += _attempt(builtin.call_method, one, node.func.attr, given, words)
        for ref in callee.refs():
            if ref.name in builtin.FUNCTIONS and ref.name not in self.functions:
                results += _attempt(builtin.call_function, ref.name, given, words)
        return self.paid(known(*results))

    def _mapped(self, callee: Value, args: list[Value]) -> Value:
        """`map(chr, [...])`."""
        if len(args) != 2 or not any(ref.name == "map" for ref in callee.refs()):
            return NOTHING
        items = self._plain(args[1])
        names = [ref.name for ref in args[0].refs() if ref.name in builtin.FUNCTIONS]
        if not names or items is None or len(items[0:1]) == 0 or len(items) > MAX_ELEMENTS:
            return NOTHING
        made = [_attempt(builtin.call_function, names[0], [item], {}) for item in items]
        return self.paid(known([result[0] for result in made if result]))

    @staticmethod
    def _plain(value: Value) -> Any:
        """The one constant that it is; None when it is not known or may be several."""
        plain = [item for item in value.alternatives if not isinstance(item, Ref)]
        return plain[0] if len(plain) == 1 else None


def _attempt(function: Callable[..., Any], *args: Any) -> list[Any]:
    try:
        return [function(*args)]
    except Exception:
        # zlib.error, binascii.Error and their like: whatever constants do to a function.
        return []
