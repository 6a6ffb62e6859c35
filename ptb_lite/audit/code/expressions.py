"""What expressions are worth: the half of the interpreter that knows no statements."""

from __future__ import annotations

import ast
import operator
from collections import ChainMap
from collections.abc import Callable
from itertools import islice, product
from typing import Any

from ptb_lite.audit.code import builtin
from ptb_lite.audit.code.calls import ERRORS
from ptb_lite.audit.code.functions import Function, Scope
from ptb_lite.audit.code.loops import Loops
from ptb_lite.audit.code.temporary import name_of
from ptb_lite.audit.code.values import (
    HOLE,
    MAX_ALTERNATIVES,
    MAX_PARTS,
    MAX_TEXT,
    NOTHING,
    Label,
    Ref,
    Site,
    Value,
    known,
    may_grow,
    merge,
    place_of,
    union,
    weight,
)

_LONG_ENOUGH_MADE = 8
_MAX_COMPREHENSION = 20_000
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod,
    ast.BitXor: operator.xor, ast.FloorDiv: operator.floordiv, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}  # fmt: skip


class Expressions(Loops):
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
                return self.comprehension(node.generators, node.elt)
            case ast.DictComp():
                return self.comprehension(node.generators, node.value, node.key)
            case ast.IfExp():
                self.value(node.test)
                return merge(*map(self.value, self.branches(node.test, node.body, node.orelse)))
            case ast.BoolOp():
                return self._either(node)
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
                return self._lambda(node)
            case ast.Yield():
                if node.value is not None:
                    self.yields.append(self.value(node.value))
                return NOTHING
            case ast.YieldFrom():
                self.yields.append(self.element_of(self.whole(self.value(node.value))))
                return NOTHING
            case ast.Starred() | ast.Await():
                return self.value(node.value)
            case _:
                parts = [p for p in ast.iter_child_nodes(node) if isinstance(p, ast.expr)]
                return Value((), union([self.value(part) for part in parts]))

    yields: list[Value]

    def _either(self, node: ast.BoolOp) -> Value:
        """Any of its parts, up to one that surely is the last."""
        found = []
        for part in node.values:
            found.append(self.value(part))
            if self.decided(part) is isinstance(node.op, ast.Or):
                break
        return merge(*found)

    def _lambda(self, node: ast.Lambda) -> Value:
        """A function without a name: its parameters are its own, whatever is called so outside."""
        name = f"<lambda {self.line_of(node)}:{node.col_offset}>"
        body = ast.Return(node.body)
        ast.copy_location(body, node.body)
        function = Function(name, node.args, (body,), self.names)
        self.functions[name] = function
        outer = self.names
        self.names = ChainMap(dict.fromkeys(function.parameters(), NOTHING), *outer.maps)
        self.value(node.body)
        self.names = outer
        return known(Ref(name))

    def module(self, name: str) -> Scope | None:
        """The names of another file of the program's, walked when it is first asked for."""
        raise NotImplementedError

    def bind_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                name = f"{node.module or ''}.{alias.name}".strip(".")
                inner = self.module(node.module or "") if node.module else None
                inner = inner if inner is not None else self.module(alias.name)
                if inner is not None and alias.name == "*":
                    self.names.update(inner.maps[0])
                found = inner.get(alias.name) if inner is not None else None
                self.names[alias.asname or alias.name] = found or known(Ref(name))
            else:
                self.module(alias.name)
                top = alias.name if alias.asname else alias.name.partition(".")[0]
                self.names[alias.asname or top] = known(Ref(top))
                name = alias.name
            self.sites.append(Site(f"import:{name}", self.line_of(node)))

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
        if labels:
            self.change(node, lambda held: held.with_labels(labels), labels)

    def put(self, node: ast.expr, name: str, labels: frozenset[Label]) -> None:
        """`table["name"] = ...`: what is under other names is none of it."""
        sure = not self.depth and not self.stack
        self.change(node, lambda held: held.holding(name, labels, instead=sure), labels)

    def change(
        self, node: ast.expr, change: Callable[[Value], Value], labels: frozenset[Label]
    ) -> None:
        if isinstance(node, ast.Attribute):
            held = [ref for ref in self.value(node.value).refs() if ref.instance]
            for ref in held:
                key = f"{ref.instance}.{node.attr}"
                self.objects[key] = change(self.objects.get(key, NOTHING))
            if held:
                return
        name = self.dotted(node)
        if name:
            if self.stack:
                self.mutated[name] = self.mutated.get(name, frozenset()) | labels
            self.names[name] = change(self.names.get(name, NOTHING))
        elif isinstance(node, ast.Subscript):
            self._put_in(node, labels)

    def _put_in(self, node: ast.Subscript, labels: frozenset[Label]) -> None:
        """`table["name"].append(...)`, `table["name"] += ...`."""
        match self.value(node.slice).alternatives:
            case [str(name)]:
                self.change(node.value, lambda held: held.holding(name, labels), labels)
            case _:
                self.taint(node.value, labels)

    def _name(self, name: str) -> Value:
        if name in self.names:
            return self.names[name]
        return known(Ref(name))

    def attribute(self, node: ast.Attribute, owner: Value) -> Value:
        own = self.names.get(self.dotted(node))
        found = [self._attribute_of(ref, node.attr) for ref in owner.refs()]
        held = owner.under(node.attr) if node.attr in owner.parts else owner.labels
        return merge(own or NOTHING, *found).with_labels(held)

    def _attribute_of(self, ref: Ref, name: str) -> Value:
        option = self.option(ref, name)
        if option is not None:
            return option
        if ref.site is not None and (path := name_of(ref.name, name, self.key_at(ref.site.line))):
            return known(path)
        if ref.instance:
            held = self.objects.get(f"{ref.instance}.{name}")
            owner = ref.instance.partition("#")[0]
            if held is not None:
                return held
            method = self.method(owner, name)
            if method is not None:
                bound = Ref(f"{owner}.{name}", ref.site, ref.instance)
                if not method.is_property:
                    return known(bound)
                asked = ast.Call(ast.Name(name, ast.Load()), [], [], lineno=self.call_line)
                return self._local_call(asked, bound, method, [], {})
        inner = self.scopes.get(ref.name)
        if inner is not None and name in inner:
            return inner[name]
        return known(Ref(f"{ref.name}.{name}", ref.site, ""))

    scopes: dict[str, Scope]

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
        if isinstance(node.op, ast.Sub):
            labels = left.labels  # a difference holds nothing of what is taken away
        found: list[Any] = []
        for one, other in islice(product(left.alternatives, right.alternatives), MAX_ALTERNATIVES):
            if isinstance(node.op, ast.Div) and isinstance(other, str):
                base = "/".join(known(one).texts()) if isinstance(one, Ref) else one
                if weight(base, other) > MAX_TEXT:
                    continue
                found.append(f"{base}/{other}")
                continue
            if isinstance(one, Ref) or isinstance(other, Ref) or not may_grow(node.op, one, other):
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
        owner, key = self.whole(self.value(node.value)), self._key(node.slice)
        keys = key.alternatives or [None]
        labels = union(Value((), self.picked(owner, one)) for one in keys)
        kept = self.kept_by(node.slice, owner)
        labels = labels if kept is owner else kept.labels
        found: list[Any] = []
        for one, index in islice(product(owner.alternatives, key.alternatives), MAX_ALTERNATIVES):
            if isinstance(one, Ref):
                found.append(self._item_of(one, index))
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
        if isinstance(node.value, ast.Attribute) and node.value.attr == "argv":
            found = [*self.settings.each(node)] or found
        if not found and labels:
            found = [Ref(f"{self.dotted(node.value) or 'table'}[]")]  # put in by name
        return known(*found, labels=labels)

    def _item_of(self, ref: Ref, index: Any) -> Any:
        if isinstance(index, str):
            if ref.name in ("os.environ", "environ") and index in self.world.environment:
                return self.world.environment[index]
            if ref.name.endswith((".__dict__", "globals()", "locals()")):
                return Ref(
                    f"{ref.name.removesuffix('.__dict__')}.{index}".removeprefix("globals().")
                )
            if ref.name == "vars()" and ref.site is not None:
                owners = [inner for value in ref.site.args for inner in value.refs()]
                return Ref(f"{owners[0].name}.{index}") if owners else Ref(index)
        return Ref(f"{ref.name}[]", ref.site)

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
        table = NOTHING
        if 1 < len(values) <= MAX_PARTS and union(values):
            for place, value in enumerate(values):
                table = table.holding(place_of(place), value.labels)
        return self.paid(Value((items,), union(values), table.parts))

    def _dictionary(self, node: ast.Dict) -> Value:
        made: dict[Any, Any] = {}
        table = NOTHING
        values = [self.whole(self.value(item)) for item in node.values]
        for key, value in zip(node.keys, values, strict=True):
            names = self.value(key).alternatives if key is not None else ()
            if names and isinstance(names[0], (str, int, float)):
                made[names[0]] = value.alternatives[0] if value.alternatives else HOLE
            name = names[0] if names and isinstance(names[0], str) else ""
            table = table.holding(name, value.labels)
        return self.paid(Value((made,), table.labels, table.parts))

    def note_made(self, node: ast.expr, value: Value) -> Value:
        for alternative in value.alternatives:
            text = (
                alternative.decode("utf-8", "replace")
                if isinstance(alternative, bytes)
                else (alternative)
            )
            if isinstance(text, str) and len(text) >= _LONG_ENOUGH_MADE and self.pay(text):
                self.made.append((self.line_of(node), text))
        return value
