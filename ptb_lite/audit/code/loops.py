"""Loops and comprehensions: round by round where it is known what each round gets.

`for split in ("train", "test")` and `for name, rows in splits.items()` are walked once for each
split, with the branches that its name takes: what one round does with the test split is not done
with the train split's data. Any other loop is walked once, for all that it may get.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from ptb_lite.audit.code.builtin import FUNCTIONS
from ptb_lite.audit.code.calls import Calls
from ptb_lite.audit.code.values import (
    HOLE,
    MAX_ALTERNATIVES,
    NOTHING,
    Label,
    Ref,
    Value,
    known,
    merge,
    place_of,
)

_MAX_COMPREHENSION = 20_000
_MAX_ROUNDS, _MAX_NESTED, _MAX_ENTRIES = 8, 2, 40
_WHOLE_OF = {"tqdm", "list", "tuple", "sorted", "iter"}
_TABLE_METHODS = {"items", "keys", "values"}


class Loops(Calls):
    """Expressions and statements that go over something."""

    _unrolled = 0
    jumped = False
    """Whether the round at hand may have been left before its end."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.left_by: set[type[ast.stmt]] = set()
        self.round_depth = 0
        self.depth = 0

    def block(self, body: Iterable[ast.stmt]) -> bool:
        """Walk statements; whether they surely are left before their end."""
        raise NotImplementedError

    def inner(self, *bodies: Iterable[ast.stmt]) -> bool:
        """Walk code that may or may not run; whether all of it is left."""
        raise NotImplementedError

    def loop(self, node: ast.For | ast.AsyncFor) -> bool:
        """A `for`; whether what follows it never runs."""
        rounds, over = self._rounds(node.iter)
        if rounds is None:
            if not self._beside(node.iter, node.target):
                self.assign(node.target, self.element_of(over))
            self.inner(node.body, node.orelse)
            return False
        ends = self._each(node, rounds)
        self.inner(node.orelse)
        for name in _names_in(node.target):
            self.names[name] = merge(*(one.get(name, NOTHING) for one in ends))
        return False

    def _each(self, node: ast.For | ast.AsyncFor, rounds: list[Value]) -> list[dict[str, Value]]:
        """Each round; what the loop's own variables were in it."""
        bound: list[dict[str, Value]] = []
        literals, outer = self.literals, (self.jumped, self.left_by, self.round_depth)
        self._unrolled, self.round_depth = self._unrolled + 1, self.depth
        rebound = {name for one in node.body for name in _stored(one)}
        for given in rounds:
            before = dict(self.names.maps[0])
            self._bind(node.target, given)
            own = {name: self.names[name] for name in _names_in(node.target)}
            bound.append(own)
            self.literals = {**literals, **_literals(own, rebound)}
            self.jumped, self.left_by = False, set()
            left = self.block(node.body)
            if self.jumped:
                for name, value in before.items():
                    self.names[name] = merge(value, self.names.get(name, NOTHING))
            if left and self.left_by == {ast.Break}:
                break
        self.literals = literals
        self.jumped, self.left_by, self.round_depth = outer
        self._unrolled -= 1
        return bound

    def _bind(self, target: ast.expr, value: Value) -> None:
        """What a round's variables are, and nothing that they were before."""
        match target:
            case ast.Name(name):
                self.names[name] = value
            case ast.Tuple(parts) | ast.List(parts):
                for place, part in enumerate(parts):
                    self._bind(part, self.part_of(value, place))
            case _:
                self.assign(target, value)

    def _rounds(self, node: ast.expr) -> tuple[list[Value] | None, Value]:
        """What each round of a loop over an expression gets; None: not known, or too many. And
        what all of it is worth then."""
        inner, found = _unwrapped(node), None
        match inner:
            case _ if self._unrolled >= _MAX_NESTED:
                pass
            case ast.Call(ast.Attribute(ast.Name() | ast.Attribute() as table, how), [], []) if (
                how in _TABLE_METHODS
            ):
                found = self._of_table(table, how)
            case ast.List(parts) | ast.Tuple(parts) if 0 < len(parts) <= _MAX_ROUNDS:
                if not any(isinstance(part, ast.Starred) for part in parts):
                    return [self.whole(self.value(part)) for part in parts], NOTHING
            case ast.Name() | ast.Attribute():
                found = self._of_table(inner, "keys")
        if found:
            return found, NOTHING
        over = self.whole(self.value(node))
        if self._unrolled >= _MAX_NESTED:
            return None, over
        return _of_constant(over) or _by_place(over), over

    def _of_table(self, node: ast.expr, how: str) -> list[Value] | None:
        table = self.whole(self.value(node))
        names = names_of(table)
        if not 0 < len(names) <= _MAX_ROUNDS:
            return None
        found = []
        for name in names:
            held = known(*_items(table, name), labels=self.picked(table, name))
            pair = known([name, *held.alternatives[:1]], labels=held.labels)
            found.append({"keys": known(name), "values": held, "items": pair}[how])
        return found

    def _beside(self, over: ast.expr, target: ast.expr) -> bool:
        """`for row, score in zip(rows, scores)`: a row is none of the scores."""
        match over, target:
            case ast.Call(ast.Name("zip"), sources), ast.Tuple(parts) if len(sources) == len(
                parts
            ) and all(isinstance(s, ast.Name) for s in sources):
                for source, part in zip(sources, parts, strict=True):
                    self.assign_here(part, self.element_of(self.whole(self.value(source))))
                return True
            case ast.Call(ast.Name("enumerate"), [ast.Name() as source]), ast.Tuple([count, part]):
                self.assign_here(count, NOTHING)
                self.assign_here(part, self.element_of(self.whole(self.value(source))))
                return True
        return False

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
        """What a variable gets of a value that is taken apart."""
        found = [
            known(alternative[position])
            for alternative in value.alternatives
            if isinstance(alternative, (list, tuple)) and position < len(alternative)
        ]
        labels = value.under(position)
        # Of what a call gave back, a part is told as the whole: `model, tokenizer = load(...)`.
        return merge(*found).with_labels(labels) if found else known(*value.refs(), labels=labels)

    def comprehension(
        self,
        generators: list[ast.comprehension],
        result: ast.expr,
        key: ast.expr | None = None,
    ) -> Value:
        """Made from what its result (and key) is made from; what is only looped over or tested is
        not in it."""
        first = generators[0]
        outer, self.names = self.names, self.names.new_child()
        literals = self.literals
        try:
            rounds, over = self._rounds(first.iter)
            if rounds is None:
                found = self._comprehended(generators, result, over)
                return found.with_labels(self.value(key).labels) if key is not None else found
            return self._made_by(rounds, generators, result, key)
        finally:
            self.names, self.literals = outer, literals

    def _made_by(
        self,
        rounds: list[Value],
        generators: list[ast.comprehension],
        result: ast.expr,
        key: ast.expr | None,
    ) -> Value:
        first, literals = generators[0], self.literals
        table, labels = NOTHING, set[Label]()
        items: list[Any] = []
        made: dict[Any, Any] = {}
        kept = 0
        for given in rounds:
            self._bind(first.target, given)
            own = {name: self.names[name] for name in _names_in(first.target)}
            self.literals = {**literals, **_literals(own, set())}
            if any(self.decided(test) is False for test in first.ifs):
                continue
            for test in first.ifs:
                self.value(test)
            kept += 1
            inner = (
                self._comprehended(generators[1:], result, None)
                if generators[1:]
                else self.value(result)
            )
            labels |= inner.labels
            if key is None and not generators[1:]:
                table = table.holding(place_of(kept - 1), inner.labels)
            items += inner.alternatives[:1] if not generators[1:] else inner.alternatives
            for name in self.value(key).alternatives[:1] if key is not None else ():
                if isinstance(name, str):
                    table = table.holding(name, inner.labels)
                    made[name] = inner.alternatives[0] if inner.alternatives else HOLE
        if key is not None and len(made) == kept:
            return self.paid(Value((made,), table.labels | labels, table.parts))
        return self.paid(Value((items,), frozenset(labels), table.parts if labels else {}))

    def _comprehended(
        self, generators: list[ast.comprehension], result: ast.expr, source: Value | None
    ) -> Value:
        first = generators[0]
        source = self.whole(self.value(first.iter)) if source is None else source
        lists = [item for item in source.alternatives if isinstance(item, (list, str, bytes))]
        if len(generators) == 1 and not first.ifs and len(lists) == 1 and not source.labels:
            found, labels = [], set[Label]()
            for item in list(lists[0])[:_MAX_COMPREHENSION]:
                self.assign_here(first.target, known(item, labels=source.labels))
                value = self.value(result)
                labels |= value.labels
                found.append(value.alternatives[0] if value.alternatives else HOLE)
            return self.paid(known(found, labels=labels))
        for generator in generators:
            over = source if generator is first else self.whole(self.value(generator.iter))
            beside = self._beside(generator.iter, generator.target)
            if not beside:
                self.assign_here(generator.target, self.element_of(over))
            for test in generator.ifs:
                self.value(test)
                over = self.kept_by(test, over)
            if generator.ifs and not beside:
                self.assign_here(generator.target, self.element_of(over))
        inner = self.value(result)
        return known(list(inner.alternatives), labels=inner.labels)

    def assign_here(self, target: ast.expr, value: Value) -> None:
        """A comprehension's own variable: it replaces, wherever the comprehension stands."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        else:
            self.assign(target, value)


def listed(values: list[Value]) -> Value:
    """A list of what a generator gives, each with its own labels where they are few."""
    if not 1 < len(values) <= _MAX_ROUNDS:
        each = merge(*values)
        return known(*([one] for one in each.alternatives), labels=each.labels)
    table = NOTHING
    for place, value in enumerate(values):
        table = table.holding(place_of(place), value.labels)
    items = [value.alternatives[0] if value.alternatives else HOLE for value in values]
    return Value((items,), table.labels, table.parts)


def _by_place(over: Value) -> list[Value] | None:
    """The elements of a list that keeps apart what it was made of."""
    match [one for one in over.alternatives if isinstance(one, list)]:
        case [found] if 0 < len(found) <= _MAX_ROUNDS and place_of(len(found) - 1) in over.parts:
            if len(over.parts) == len(found) + 1 and not over.parts.get(""):
                return [known(one, labels=over.under(n)) for n, one in enumerate(found)]
    return None


def _of_constant(over: Value) -> list[Value] | None:
    """The elements of the one list of names that it is: of numbers no branch depends so often."""
    made = [one for one in over.alternatives if not _is_builtin(one)]
    match made:
        case [list() | tuple() | dict() as found] if 0 < len(found) <= _MAX_ROUNDS:
            if not over.labels and all(map(_is_named, found)):
                return [known(item) for item in found]
    return None


def _is_builtin(one: Any) -> bool:
    """What a call such as `enumerate(...)` gave back, whose elements are known beside it."""
    return isinstance(one, Ref) and one.name.removesuffix("()") in FUNCTIONS


def _unwrapped(node: ast.expr) -> ast.expr:
    """What `tqdm(list(splits))` goes over."""
    match node:
        case ast.Call(ast.Name(name) | ast.Attribute(attr=name), [inner, *_]) if name in _WHOLE_OF:
            return _unwrapped(inner)
    return node


def names_of(table: Value) -> tuple[str, ...]:
    """The names of a table's parts, or of the splits of a data set; none where others may be in
    it."""
    if table.parts:
        names = tuple(name for name in table.parts if name)
        return () if table.parts.get("") or place_of(0) in names else names
    apart = (not label.part and not label.in_order for label in table.labels)
    wholes = {
        label.within if whole else () for label, whole in zip(table.labels, apart, strict=True)
    }
    return next(iter(wholes)) if len(wholes) == 1 else ()


def _items(table: Value, name: str) -> Iterator[Any]:
    for one in table.alternatives:
        if isinstance(one, Ref):
            yield Ref(f"{one.name}[]", one.site)
        elif isinstance(one, dict) and name in one:
            yield one[name]


def _is_named(item: Any) -> bool:
    match item:
        case str():
            return HOLE not in item
        case list() | tuple():
            return len(item) <= _MAX_ROUNDS and any(map(_is_named, item))
        case dict():
            return len(item) <= _MAX_ENTRIES and any(map(_is_named, item.values()))
        case _:
            return False


def _names_in(target: ast.expr) -> list[str]:
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def _stored(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        match inner:
            case ast.Name(name, ast.Store() | ast.Del()):
                yield name


def _literals(values: dict[str, Value], but: set[str]) -> dict[str, Any]:
    return {
        name: value.alternatives[0]
        for name, value in values.items()
        if name not in but
        and len(value.alternatives) == 1
        and isinstance(value.alternatives[0], (str, int, float, bool, dict, type(None)))
    }
