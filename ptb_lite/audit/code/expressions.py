"""What expressions are worth: the half of the interpreter that knows no statements."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable
from itertools import islice, product
from typing import Any

from ptb_lite.audit.code import builtin
from ptb_lite.audit.code.values import (
    HOLE,
    MAX_ALTERNATIVES,
    MAX_ELEMENTS,
    MAX_TEXT,
    NOTHING,
    Label,
    Ref,
    Site,
    Value,
    known,
    merge,
    union,
)

_LONG_ENOUGH_MADE = 8
_PATH_METHODS = {
    "read_text", "read_bytes", "write_text", "write_bytes", "open", "glob", "rglob", "iterdir",
}  # fmt: skip
_WIDTH = re.compile(r"%[-+ #0]*[\d*.]")
_MAX_COMPREHENSION = 20_000
_ADDING_METHODS = {"append", "extend", "add", "update", "insert", "appendleft", "put"}
# What tells of data without holding any of it.
_UNRELATED = {"len", "print", "type", "isinstance", "sum", "max", "min", "any", "all", "bool", "id"}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod,
    ast.BitXor: operator.xor, ast.FloorDiv: operator.floordiv, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}  # fmt: skip
_ERRORS = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError
)  # fmt: skip


class Expressions:
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

    def spend(self) -> None:
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError

    def value(self, node: ast.expr) -> Value:
        self.spend()
        match node:
            case ast.Constant():
                return known(node.value)
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return self._attribute(node, self.value(node.value))
            case ast.JoinedStr():
                return self._made(node, self._join([self.value(part) for part in node.values]))
            case ast.FormattedValue():
                return self.value(node.value)
            case ast.BinOp():
                return self._made(node, self._binary(node))
            case ast.Call():
                return self._call(node)
            case ast.Subscript():
                return self._made(node, self._subscript(node))
            case ast.List() | ast.Tuple() | ast.Set():
                return self._sequence(node.elts)
            case ast.Dict():
                return self._dictionary(node)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return self._comprehension(node.generators, node.elt)
            case ast.DictComp():
                return self._comprehension(node.generators, node.value)
            case ast.IfExp():
                self.value(node.test)
                return merge(self.value(node.body), self.value(node.orelse))
            case ast.BoolOp():
                return merge(*(self.value(part) for part in node.values))
            case ast.NamedExpr():
                value = self.value(node.value)
                self.assign(node.target, value)
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return known(-number)
            case ast.Compare():
                self.value(node.left)
                for part in node.comparators:
                    self.value(part)
                return NOTHING
            case ast.Lambda():
                return self.value(node.body)
            case ast.Starred() | ast.Await() | ast.YieldFrom():
                return self.value(node.value)
            case _:
                parts = [p for p in ast.iter_child_nodes(node) if isinstance(p, ast.expr)]
                return Value((), union([self.value(part) for part in parts]))

    def bind_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                name = f"{node.module or ''}.{alias.name}".strip(".")
                self.names[alias.asname or alias.name] = known(Ref(name))
            else:
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                self.names[alias.asname or top] = known(Ref(top))
                name = alias.name
            self.sites.append(Site(f"import:{name}", node.lineno))

    def dotted(self, node: ast.expr) -> str:
        """`self.rows` as a name of its own."""
        match node:
            case ast.Name():
                return node.id
            case ast.Attribute():
                owner = self.dotted(node.value)
                return f"{owner}.{node.attr}" if owner else ""
            case _:
                return ""

    def taint(self, node: ast.expr, labels: frozenset[Label]) -> None:
        """What is put into an object is what the object holds."""
        name = self.dotted(node)
        if name and labels:
            self.names[name] = self.names.get(name, NOTHING).with_labels(labels)

    def element_of(self, value: Value) -> Value:
        """What a loop over it gives."""
        found: list[Any] = []
        for alternative in value.alternatives:
            match alternative:
                case list() | tuple() | dict():
                    found += list(islice(alternative, MAX_ALTERNATIVES))
                case str() if alternative:
                    found.append(alternative[0])
                case Ref():
                    found.append(Ref(f"{alternative.name}[]", alternative.site))
        return merge(*(known(item) for item in found)).with_labels(value.labels)

    def part_of(self, value: Value, position: int) -> Value:
        found = [
            known(alternative[position])
            for alternative in value.alternatives
            if isinstance(alternative, (list, tuple)) and position < len(alternative)
        ]
        return merge(*found).with_labels(value.labels) if found else Value((), value.labels)

    def _name(self, name: str) -> Value:
        if name in self.names:
            return self.names[name]
        return known(Ref(name))

    def _attribute(self, node: ast.Attribute, owner: Value) -> Value:
        own = self.names.get(self.dotted(node))
        refs = [known(Ref(f"{ref.name}.{node.attr}", ref.site)) for ref in owner.refs()]
        return merge(own or NOTHING, *refs).with_labels(owner.labels)

    def _join(self, parts: list[Value]) -> Value:
        """Texts side by side; what is not known leaves a hole."""
        choices = [
            [str(item) for item in part.alternatives if isinstance(item, (str, int, float))]
            or [HOLE]
            for part in parts
        ]
        joined = ("".join(chosen) for chosen in islice(product(*choices), MAX_ALTERNATIVES))
        return known(*(text for text in joined if len(text) <= MAX_TEXT), labels=union(parts))

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        labels = left.labels | right.labels
        found: list[Any] = []
        for one, other in islice(product(left.alternatives, right.alternatives), MAX_ALTERNATIVES):
            if isinstance(node.op, ast.Div) and isinstance(other, str):
                base = "/".join(known(one).texts()) if isinstance(one, Ref) else one
                found.append(f"{base}/{other}")
                continue
            if isinstance(one, Ref) or isinstance(other, Ref) or not _may_grow(node.op, one, other):
                continue
            try:
                if isinstance(node.op, ast.Mod) and isinstance(other, list):
                    other = tuple(other)  # tuples are lists here, and "%s %s" wants one
                found.append(builtin.bounded(_ARITHMETIC[type(node.op)](one, other)))
            except _ERRORS:
                continue
        if not found and isinstance(node.op, ast.Add):
            texts = [value for value in (left, right) if value.texts()]
            if texts and not (left.refs() and right.refs()):
                return self._join([left, right])
        return known(*found, labels=labels)

    def _subscript(self, node: ast.Subscript) -> Value:
        owner, key = self.value(node.value), self._key(node.slice)
        labels = {
            self._pick(label, k) for label in owner.labels for k in key.alternatives or [None]
        }
        found: list[Any] = []
        for one, index in islice(product(owner.alternatives, key.alternatives), MAX_ALTERNATIVES):
            if isinstance(one, Ref):
                found.append(Ref(f"{one.name}[]", one.site))
                continue
            try:
                found.append(one[index])
            except _ERRORS:
                continue
        if not key.alternatives:
            found += [Ref(f"{ref.name}[]", ref.site) for ref in owner.refs()]
            found += (
                self.element_of(
                    Value(
                        tuple(item for item in owner.alternatives if isinstance(item, (list, dict)))
                    )
                ).alternatives
                if not isinstance(node.slice, ast.Slice)
                else []
            )
        return known(*found, labels=labels)

    def _key(self, node: ast.expr) -> Value:
        if not isinstance(node, ast.Slice):
            return self.value(node)
        bounds = [
            self.value(bound) if bound is not None else known(None)
            for bound in (node.lower, node.upper, node.step)
        ]
        if all(bound.alternatives for bound in bounds):
            return known(slice(*(bound.alternatives[0] for bound in bounds)))
        return NOTHING

    def _sequence(self, nodes: list[ast.expr]) -> Value:
        values = [self.value(node) for node in nodes]
        items = [value.alternatives[0] if value.alternatives else HOLE for value in values]
        return known(items, labels=union(values))

    def _dictionary(self, node: ast.Dict) -> Value:
        made: dict[Any, Any] = {}
        values = [self.value(item) for item in node.values]
        for key, value in zip(node.keys, values, strict=True):
            names = self.value(key).alternatives if key is not None else ()
            if names and isinstance(names[0], (str, int, float)):
                made[names[0]] = value.alternatives[0] if value.alternatives else HOLE
        return known(made, labels=union(values))

    def _comprehension(self, generators: list[ast.comprehension], result: ast.expr) -> Value:
        first = generators[0]
        source = self.value(first.iter)
        lists = [item for item in source.alternatives if isinstance(item, (list, str, bytes))]
        if len(generators) == 1 and not first.ifs and len(lists) == 1:
            found, labels = [], set(source.labels)
            for item in list(lists[0])[:_MAX_COMPREHENSION]:
                self.assign_here(first.target, known(item, labels=source.labels))
                value = self.value(result)
                labels |= value.labels
                found.append(value.alternatives[0] if value.alternatives else HOLE)
            return known(found, labels=labels)
        values = []
        for generator in generators:
            over = self.value(generator.iter)
            values.append(over)
            self.assign_here(generator.target, self.element_of(over))
            for test in generator.ifs:
                self.value(test)
        inner = self.value(result)
        return known(list(inner.alternatives), labels=union([*values, inner]))

    def assign_here(self, target: ast.expr, value: Value) -> None:
        """A comprehension's own variable: it replaces, wherever the comprehension stands."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        else:
            self.assign(target, value)

    def _made(self, node: ast.expr, value: Value) -> Value:
        for alternative in value.alternatives:
            text = (
                alternative.decode("utf-8", "replace")
                if isinstance(alternative, bytes)
                else (alternative)
            )
            if isinstance(text, str) and len(text) >= _LONG_ENOUGH_MADE:
                self.made.append((node.lineno, text))
        return value

    def _call(self, node: ast.Call) -> Value:
        owner = NOTHING  # looked at once only: chained calls would double the work at each link
        if isinstance(node.func, ast.Attribute):
            owner = self.value(node.func.value)
            callee = self._attribute(node.func, owner)
        else:
            callee = self.value(node.func)
        args = [self.value(arg) for arg in node.args]
        keywords = {word.arg or "**": self.value(word.value) for word in node.keywords}
        everything = [*args, *keywords.values()]
        labels = union(everything)
        if isinstance(node.func, ast.Attribute):
            labels |= callee.labels
            if node.func.attr in _ADDING_METHODS:
                self.taint(node.func.value, union(everything))
        found = [self._constant_call(node, owner, callee, args, keywords)]
        found += self._path_call(node, owner, args, keywords)
        for ref in callee.refs():
            found.append(self._named_call(node, ref, args, keywords, callee.labels))
        result = merge(*found)
        dropped = isinstance(node.func, ast.Name) and node.func.id in _UNRELATED
        if dropped:
            return Value(result.alternatives)
        return self._made(node, result.with_labels(labels))

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
        return known(*results)

    def _mapped(self, callee: Value, args: list[Value]) -> Value:
        """`map(chr, [...])`."""
        if len(args) != 2 or not any(ref.name == "map" for ref in callee.refs()):
            return NOTHING
        items = self._plain(args[1])
        names = [ref.name for ref in args[0].refs() if ref.name in builtin.FUNCTIONS]
        if not names or items is None or len(items[0:1]) == 0 or len(items) > MAX_ELEMENTS:
            return NOTHING
        made = [_attempt(builtin.call_function, names[0], [item], {}) for item in items]
        return known([result[0] for result in made if result])

    @staticmethod
    def _plain(value: Value) -> Any:
        """The one constant that it is; None when it is not known or may be several."""
        plain = [item for item in value.alternatives if not isinstance(item, Ref)]
        return plain[0] if len(plain) == 1 else None


def _attempt(function: Callable[..., Any], *args: Any) -> list[Any]:
    try:
        return [function(*args)]
    except _ERRORS:
        return []
    except Exception:
        # zlib.error, binascii.Error and LookupError's kin: whatever constants do to a function.
        return []


def _may_grow(op: ast.operator, left: Any, right: Any) -> bool:
    """Whether the result stays small: no long repetition, no wide format."""
    sizes = [len(item) for item in (left, right) if isinstance(item, (str, bytes, list))]
    if isinstance(op, ast.Mult) and sizes:
        numbers = [item for item in (left, right) if isinstance(item, int)]
        return bool(numbers) and max(sizes) * max(1, abs(numbers[0])) <= MAX_ELEMENTS
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
        text = left.decode("latin-1") if isinstance(left, bytes) else left
        return _WIDTH.search(text) is None
    return sum(sizes) <= 2 * MAX_TEXT and all(
        not isinstance(item, int) or abs(item) < 1 << 64 for item in (left, right)
    )
