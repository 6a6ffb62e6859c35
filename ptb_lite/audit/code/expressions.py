"""What expressions are worth: the half of the interpreter that knows no statements."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from itertools import islice, product
from typing import Any

from ptb_lite.audit.code import builtin
from ptb_lite.audit.code.calls import ERRORS, Calls
from ptb_lite.audit.code.values import (
    HOLE,
    MAX_ALTERNATIVES,
    MAX_ELEMENTS,
    MAX_TEXT,
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

_LONG_ENOUGH_MADE = 8
_WIDTH = re.compile(r"%[-+ #0]*[\d*.]")
_MAX_COMPREHENSION = 20_000
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod,
    ast.BitXor: operator.xor, ast.FloorDiv: operator.floordiv, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}  # fmt: skip


class Expressions(Calls):
    """Every kind of expression but calls, which its parent knows."""

    def value(self, node: ast.expr) -> Value:
        self.spend()
        match node:
            case ast.Constant():
                return known(node.value)
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return self.attribute(node, self.value(node.value))
            case ast.JoinedStr():
                return self.note_made(node, self._join([self.value(part) for part in node.values]))
            case ast.FormattedValue():
                return self.value(node.value)
            case ast.BinOp():
                return self.note_made(node, self._binary(node))
            case ast.Call():
                return self.call(node)
            case ast.Subscript():
                return self.note_made(node, self._subscript(node))
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

    def attribute(self, node: ast.Attribute, owner: Value) -> Value:
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
        joined = (
            "".join(chosen)
            for chosen in islice(product(*choices), MAX_ALTERNATIVES)
            if sum(map(len, chosen)) <= MAX_TEXT
        )
        return self.paid(known(*joined, labels=union(parts)))

    def _binary(self, node: ast.BinOp) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        labels = left.labels | right.labels
        found: list[Any] = []
        for one, other in islice(product(left.alternatives, right.alternatives), MAX_ALTERNATIVES):
            if isinstance(node.op, ast.Div) and isinstance(other, str):
                base = "/".join(known(one).texts()) if isinstance(one, Ref) else one
                if weight(base, other) > MAX_TEXT:
                    continue
                found.append(f"{base}/{other}")
                continue
            if isinstance(one, Ref) or isinstance(other, Ref) or not _may_grow(node.op, one, other):
                continue
            try:
                if isinstance(node.op, ast.Mod) and isinstance(other, list):
                    other = tuple(other)  # tuples are lists here, and "%s %s" wants one
                found.append(builtin.bounded(_ARITHMETIC[type(node.op)](one, other)))
            except ERRORS:
                continue
        if not found and isinstance(node.op, ast.Add):
            texts = [value for value in (left, right) if value.texts()]
            if texts and not (left.refs() and right.refs()):
                return self._join([left, right])
        return self.paid(known(*found, labels=labels))

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
            except ERRORS:
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
        return self.paid(known(items, labels=union(values)))

    def _dictionary(self, node: ast.Dict) -> Value:
        made: dict[Any, Any] = {}
        values = [self.value(item) for item in node.values]
        for key, value in zip(node.keys, values, strict=True):
            names = self.value(key).alternatives if key is not None else ()
            if names and isinstance(names[0], (str, int, float)):
                made[names[0]] = value.alternatives[0] if value.alternatives else HOLE
        return self.paid(known(made, labels=union(values)))

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
            return self.paid(known(found, labels=labels))
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

    def note_made(self, node: ast.expr, value: Value) -> Value:
        for alternative in value.alternatives:
            text = (
                alternative.decode("utf-8", "replace")
                if isinstance(alternative, bytes)
                else (alternative)
            )
            if isinstance(text, str) and len(text) >= _LONG_ENOUGH_MADE and self.pay(text):
                self.made.append((node.lineno, text))
        return value


def _may_grow(op: ast.operator, left: Any, right: Any) -> bool:
    """Whether the result stays small: no long repetition, no wide format."""
    sizes = [len(item) for item in (left, right) if isinstance(item, (str, bytes, list))]
    if isinstance(op, ast.Mult) and sizes:
        numbers = [item for item in (left, right) if isinstance(item, int)]
        times = max(1, abs(numbers[0])) if numbers else 0
        return 0 < times * max(sizes) <= MAX_ELEMENTS and times * weight(left, right) <= MAX_WEIGHT
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
        text = left.decode("latin-1") if isinstance(left, bytes) else left
        return _WIDTH.search(text) is None and text.count("%") * weight(right) <= MAX_TEXT
    return sum(sizes) <= 2 * MAX_TEXT and all(
        not isinstance(item, int) or abs(item) < 1 << 64 for item in (left, right)
    )
