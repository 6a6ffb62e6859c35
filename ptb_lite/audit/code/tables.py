"""Data that is kept together under names, and told apart again: splits of a data set, dictionaries,
rows with a column that says which split they are of.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from ptb_lite.audit.code.functions import Functions
from ptb_lite.audit.code.values import NOTHING, Label, Ref, Value, union

_SPLIT = re.compile(r"train\w*|test\w*|valid\w*|val|dev|eval\w*|fewshot", re.IGNORECASE)
_KEEPS = {
    "map", "filter", "copy", "shuffle", "remove_columns", "rename_column", "rename_columns",
    "select_columns", "cast", "cast_column", "with_format", "DatasetDict", "dict", "deepcopy",
}  # fmt: skip
_MAX_QUERY = 200
_ONLY_LEFT = "left_only"


class Tables(Functions):
    """What calls, subscripts and conditions take out of a table."""

    depth = 0
    """How many branches and loops the statement at hand may or may not be run by."""

    def change(
        self, node: ast.expr, change: Callable[[Value], Value], labels: frozenset[Label]
    ) -> None:
        """Change what a name or an attribute holds; `labels` are those that it gets."""
        raise NotImplementedError

    def picked(self, table: Value, key: object) -> frozenset[Label]:
        """The labels of what stands under a name in a table."""
        return frozenset(self._pick(label, key) for label in table.under(key))

    def take_out(self, node: ast.expr, key: Value) -> None:
        """`del splits["test"]`."""
        match key.alternatives:
            case [str(name)] if not self.depth:
                self.change(node, lambda table: _without(table, name), frozenset())

    def of_table(
        self,
        node: ast.Call,
        owner: Value,
        args: list[Value],
        keywords: dict[str, Value],
        result: Value,
    ) -> Value:
        """The result of a call of others' functions, where it takes from a table or gives it
        back."""
        match node.func, args:
            case ast.Attribute(table, "get" | "pop" as how), [Value((str(key),)), *rest] if (
                owner.parts or any(label.within for label in owner.labels)
            ):
                if how == "pop":
                    self.take_out(table, args[0])
                held = result.alternatives or (Ref(f"{how}()"),)
                return Value(held, self.picked(owner, key) | union(rest))
            case ast.Attribute(_, "query"), [Value((str(text),)), *_]:
                return self.kept_by(_parsed(text), result)
            case ast.Attribute(_, "filter"), [given, *_]:
                for ref in given.refs():
                    function = self.own(ref)
                    match function.body if function else ():
                        case [ast.Return(ast.expr() as test)]:
                            result = self.kept_by(test, result)
        if (fields := self._fields(node)) is not None:
            filled = NOTHING
            for field, value in [*zip(fields, args, strict=False), *keywords.items()]:
                filled = filled.holding(field, value.labels)
            return Value(result.alternatives, result.labels, filled.parts)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        source = owner if isinstance(node.func, ast.Attribute) and owner.parts else None
        source = args[0] if source is None and args else source
        if name not in _KEEPS or source is None or not source.parts:
            return result
        more = result.labels - source.labels
        return Value(result.alternatives, source.labels, source.parts).with_labels(more)

    def _fields(self, node: ast.Call) -> list[str] | None:
        """The fields of a named tuple or a namespace that a call makes; None: it makes none."""
        match node.func:
            case ast.Name("SimpleNamespace" | "Namespace") | ast.Attribute(_, "SimpleNamespace"):
                return []
            case ast.Name(name):
                match self.settings.bound(name):
                    case ast.Call(ast.Name("namedtuple") | ast.Attribute(_, "namedtuple"), [_, of]):
                        texts = self.value(of).texts()
                        return " ".join(texts).replace(",", " ").split()
        return None

    def kept_by(self, test: ast.expr | None, rows: Value) -> Value:
        """The rows for which a condition on their split holds; all, where it is none."""
        match test:
            case ast.Name(name):
                return self.kept_by(self.settings.bound(name), rows)
            case ast.Tuple([first, *_]):
                return self.kept_by(first, rows)
            case ast.BoolOp(ast.And(), values):
                for value in values:
                    rows = self.kept_by(value, rows)
            case ast.BinOp(left, ast.BitAnd(), right):
                return self.kept_by(right, self.kept_by(left, rows))
            case ast.UnaryOp(ast.Not() | ast.Invert(), inner):
                return self._compared(inner, rows, wanted=False)
            case ast.Compare():
                return self._compared(test, rows, wanted=True)
        return rows

    def _compared(self, test: ast.expr, rows: Value, *, wanted: bool) -> Value:
        match test:
            case ast.Compare(
                ast.Subscript(ast.Name(name)), [ast.Eq()], [ast.Constant(str(word))]
            ) if word == _ONLY_LEFT and wanted:
                return self._only_left(name, rows)
            case ast.Compare(
                ast.Subscript() | ast.Attribute() | ast.Call(),
                [ast.Eq() | ast.NotEq() | ast.In() | ast.NotIn() as op],
                [ast.Constant() | ast.Tuple() | ast.List() | ast.Set() as to],
            ):
                among = [to] if isinstance(to, ast.Constant) else to.elts
            case _:
                return rows
        names = {str(one.value) for one in among if isinstance(one, ast.Constant)}
        if len(names) < len(among) or not all(map(_SPLIT.fullmatch, names)):
            return rows
        wanted = wanted == isinstance(op, ast.Eq | ast.In)
        return Value(rows.alternatives, frozenset(_narrowed(rows.labels, names, wanted=wanted)))

    def _only_left(self, name: str, rows: Value) -> Value:
        """`m = a.merge(b, indicator=True)`, and the rows that are in `a` alone."""
        match self.settings.bound(name):
            case ast.Call(ast.Attribute(_, "merge"), [ast.Name() as left, _, *_]):
                return Value(rows.alternatives, self.value(left).labels)
            case ast.Call(ast.Attribute(ast.Name() as left, "merge")):
                return Value(rows.alternatives, self.value(left).labels)
        return rows


def _narrowed(labels: Iterable[Label], names: set[str], *, wanted: bool) -> Iterable[Label]:
    for label in labels:
        if label.part and _SPLIT.fullmatch(label.part):
            if (label.part in names) == wanted:
                yield label
            continue
        inside = [name for name in label.within if name in names]
        if wanted and len(inside) == 1 and not label.part:
            yield replace(label, part=inside[0], within=())
            continue
        for name in inside if not wanted else ():
            label = label.without(name)
        yield label


def _without(table: Value, name: str) -> Value:
    labels = frozenset(label.without(name) for label in table.labels)
    parts = {key: held for key, held in table.parts.items() if key != name}
    if not table.parts:
        return Value(table.alternatives, labels)
    return Value(table.alternatives, frozenset().union(*parts.values()), parts)


def _parsed(text: str) -> ast.expr | None:
    """A condition in a text, its columns as attributes."""
    if len(text) > _MAX_QUERY:
        return None
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if isinstance(body, ast.Compare) and isinstance(body.left, ast.Name):
        body.left = ast.Attribute(body.left, body.left.id, ast.Load())
    return body
