"""The functions and classes of the program that is read, bound to the arguments of a call."""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ptb_lite.audit.code.switches.settings import Settings
from ptb_lite.audit.code.values import (
    MAX_MADE,
    MAX_WEIGHT,
    NOTHING,
    Label,
    Ref,
    Site,
    Value,
    World,
    known,
    merge,
    union,
    weight,
)

_Branch = TypeVar("_Branch")
MAX_INLINE_DEPTH = 8
_MAX_INLINED = 80
_ITERATES = ("__iter__", "__getitem__", "__next__", "__call__")


Scope = ChainMap[str, Value]


@dataclass(frozen=True)
class Function:
    """A function of the program's own. `scope` is where it was defined, `module` the other file
    that it stands in (empty: this one)."""

    name: str
    arguments: ast.arguments
    body: tuple[ast.stmt, ...]
    scope: Scope
    module: str = ""
    is_property: bool = False
    is_static: bool = False
    is_class: bool = False

    def parameters(self) -> list[str]:
        given = self.arguments
        return [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


class Functions:
    """`names` are the values of variables (locals before globals), `functions` those of the
    program's own by name (`Class.method`, `module.function`), `objects` the attributes of
    instances, and `returned` what a function gave back at last."""

    def __init__(
        self,
        label: Callable[[Site], Iterable[Label]],
        pick: Callable[[Label, object], Label],
        world: World,
    ) -> None:
        self._label, self._pick, self.world = label, pick, world
        self.names: Scope = ChainMap({})
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, tuple[str, ...]] = {}
        self.objects: dict[str, Value] = {}
        self.options: dict[str, Value] = {}
        self.returned: dict[str, Value] = {}
        self.called: dict[str, int] = {}
        self.mutated: dict[str, frozenset[Label]] = {}
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

    def run_body(self, function: Function) -> Value:
        """What a function gives back, its parameters being set in `names`."""
        raise NotImplementedError

    def line_of(self, node: ast.AST) -> int:
        """The line of the program at which a node, maybe in another file, is reached."""
        raise NotImplementedError

    def run_text(self, source: str, line: int) -> None:
        raise NotImplementedError

    def key_at(self, line: int) -> str:
        """What tells a line of this program from all lines of others."""
        raise NotImplementedError

    stack: list[str]
    step_limit: int
    call_line: int

    def defaults(self, arguments: ast.arguments, *, handed: bool = False) -> None:
        raise NotImplementedError

    def whole(self, value: Value) -> Value:
        """A value with the labels of what the instances in it hold."""
        held = {ref.instance for ref in value.refs() if ref.instance}
        if not held:
            return value
        labels = union(
            inner for key, inner in self.objects.items() if key.rpartition(".")[0] in held
        )
        for ref in value.refs():
            labels |= self._iterated(ref) if ref.instance else frozenset()
        return value.with_labels(labels)

    iterated: dict[str, frozenset[Label]]

    def _iterated(self, ref: Ref) -> frozenset[Label]:
        """What a loop over an object of the program's own class gives."""
        if ref.instance in self.iterated:
            return self.iterated[ref.instance]
        self.iterated[ref.instance] = frozenset()
        owner = ref.instance.partition("#")[0]
        found: frozenset[Label] = frozenset()
        for name in _ITERATES:
            method = self.method(owner, name)
            if method is not None:
                asked = ast.Call(ast.Name(name, ast.Load()), [], [], lineno=self.call_line)
                bound = Ref(f"{owner}.{name}", ref.site, ref.instance)
                found |= self._local_call(asked, bound, method, [], {}).labels
        self.iterated[ref.instance] = found
        return found

    def own(self, ref: Ref) -> Function | None:
        """The function of the program's own that a name means, in a base class where the class
        itself has none."""
        found = self.functions.get(ref.name)
        if found is not None or "." not in ref.name:
            return found
        owner, _, method = ref.name.rpartition(".")
        return self.method(owner.removesuffix("()"), method)

    def method(self, owner: str, method: str, depth: int = 0) -> Function | None:
        if owner not in self.classes or depth > 8:
            return None
        found = self.functions.get(f"{owner}.{method}")
        for base in () if found else self.classes[owner]:
            found = found or self.method(base, method, depth + 1)
        return found

    def _above(self, method: str) -> tuple[Ref, Function] | None:
        """The method of a base class that `super()` means, bound to the object at hand."""
        owner, _, _own = self.stack[-1].rpartition(".")
        for base in self.classes.get(owner, ()):
            found = self.method(base, method)
            held = [
                ref for value in list(self.names.maps[0].values())[:4] for ref in value.refs()
                if ref.instance
            ]  # fmt: skip
            if found is not None and held:
                return Ref(found.name, held[0].site, held[0].instance), found
        return None

    def _instance(
        self, node: ast.Call, name: str, args: list[Value], keywords: dict[str, Value]
    ) -> Value:
        """A new object of the program's own class."""
        line = self.line_of(node)
        site = Site(name, line, tuple(args), keywords)
        self.sites.append(site)
        made = Ref(f"{name}()", site, f"{name}#{line}:{node.col_offset}")
        start = self.method(name, "__init__")
        if start is not None:
            bound = Ref(f"{name}.__init__", site, made.instance)
            self._local_call(node, bound, start, args, keywords)
        else:
            # Fields of a dataclass, or of a base that is not known.
            for key, value in keywords.items():
                self.objects[f"{made.instance}.{key}"] = value
            for number, value in enumerate(args):
                self.objects[f"{made.instance}.{number}"] = value
        return known(made, labels=self._label(site))

    literals: dict[str, Any]
    """The parameters of the function that is walked which its call gives as constants."""

    settings: Settings
    _module: str

    def constant(self, name: str) -> tuple[Any, ...]:
        """What a name of the program's is bound to for good; empty: not known. Of the modules that
        it imports nothing is."""
        return () if self._module else self.settings.constant(name)

    def setting(self, expression: ast.expr) -> tuple[Any, ...]:
        """What an expression is whenever the program is started; empty: not known."""
        if self._module:
            return ()
        return self.settings.of(expression, self._given())

    def _given(self) -> dict[str, Any]:
        """What the call that is walked gives as constants, and nothing has changed since."""
        return {
            name: value
            for name, value in self.literals.items()
            if isinstance(value, dict) or self.names.get(name, NOTHING).alternatives == (value,)
        }

    def branches(self, test: ast.expr, then: _Branch, otherwise: _Branch) -> tuple[_Branch, ...]:
        """Which of two branches a call takes: `load("train")` none that asks for `== "test"`."""
        decided = self.decided(test)
        return (then, otherwise) if decided is None else (then if decided else otherwise,)

    def cases(self, node: ast.Match) -> list[ast.match_case]:
        """Those that may run: one, where it is known what is matched with constants."""
        subject = node.subject
        held = self._held(subject.id) if isinstance(subject, ast.Name) else self.setting(subject)
        for case in node.cases if held else ():
            match case.pattern:
                case ast.MatchValue(ast.Constant(value)) if case.guard is None:
                    if value == held[0]:
                        return [case]
                case ast.MatchAs(None) if case.guard is None:
                    return [case]
                case _:
                    break
        return node.cases

    def decided(self, test: ast.expr) -> bool | None:
        """What a condition is for this call; None: not known."""
        match test:
            case ast.Constant(value):
                return bool(value)
            case ast.Name(name) if held := self._held(name):
                return bool(held[0])
            case ast.UnaryOp(ast.Not(), inner):
                found = self.decided(inner)
                return None if found is None else not found
            case ast.BoolOp(op, values):
                each = [self.decided(value) for value in values]
                enough = isinstance(op, ast.Or)
                if enough in each:
                    return enough
                return None if None in each else not enough
            case ast.Compare(ast.Name(name), [ast.Eq() | ast.NotEq() as op], [to]):
                among = [to]
            case ast.Compare(
                ast.Name(name),
                [ast.In() | ast.NotIn() as op],
                [ast.Tuple(among) | ast.List(among) | ast.Set(among)],
            ):
                pass
            case _:
                found_at_start = self.setting(test)
                return bool(found_at_start[0]) if found_at_start else None
        held = self._held(name)
        values_of = [one.value for one in among if isinstance(one, ast.Constant)]
        if not held or len(values_of) < len(among):
            return None
        return (held[0] in values_of) == isinstance(op, ast.Eq | ast.In)

    def _held(self, name: str) -> tuple[Any, ...]:
        """The one constant that a name is for this call, or always is; empty: not known."""
        held = self.names.get(name, NOTHING).alternatives
        given = (self.literals[name],) if name in self.literals else self.constant(name)
        return held if given and held == given else ()

    def _constants_of(
        self, given: Mapping[str, ast.expr], local: dict[str, Value]
    ) -> dict[str, Any]:
        """The parameters that are given constants; in `local` they are worth nothing else."""
        found: dict[str, Any] = {}
        for parameter, node in given.items():
            if isinstance(node, ast.Constant):
                found[parameter] = node.value
            elif at_start := self.setting(node):
                found[parameter] = at_start[0]
                local[parameter] = known(*at_start, labels=local[parameter].labels)
            elif not self._module and (table := self.settings.table(node, self._given())):
                found[parameter] = table
        return found

    def _local_call(
        self,
        node: ast.Call,
        ref: Ref,
        function: Function,
        args: list[Value],
        keywords: dict[str, Value],
        *,
        handed: bool = False,
    ) -> Value:
        """The body of a function walked for this very call, so that one helper which is used on
        both splits does not mix them up."""
        name = function.name
        count = self.called.get(name, 0)
        deep = len(self.stack) >= MAX_INLINE_DEPTH or name in self.stack
        if deep or count >= _MAX_INLINED or self.steps > self.step_limit:
            return self.returned.get(name, NOTHING).with_labels(
                union([*args, *keywords.values()]) if not deep else ()
            )
        self.called[name] = count + 1
        parameters = function.parameters()
        nodes: dict[str, ast.expr] = {}
        local: dict[str, Value] = dict.fromkeys(parameters, NOTHING)
        free = list(parameters)
        if ref.instance and not function.is_static and free:
            owner = ref.instance.partition("#")[0]
            local[free.pop(0)] = known(Ref(f"{owner}()", ref.site, ref.instance))
        elif function.is_class and free:
            local[free.pop(0)] = known(Ref(function.name.rpartition(".")[0]))
        outer, self.names = self.names, ChainMap(local, *function.scope.maps)
        self.defaults(function.arguments, handed=handed)
        self.names = outer
        for parameter, value in zip(free, args, strict=False):
            local[parameter] = value
        if not handed:
            nodes = dict(zip(free, node.args, strict=False))
        for key, value in keywords.items():
            local[key] = value
        if function.arguments.vararg:
            rest = args[len(free) :]
            local[function.arguments.vararg.arg] = known(
                [v.alternatives[0] if v.alternatives else "" for v in rest], labels=union(rest)
            )
        if function.arguments.kwarg:
            given = {k: v.alternatives[0] for k, v in keywords.items() if v.alternatives}
            local[function.arguments.kwarg.arg] = known(given, labels=union(keywords.values()))
        before, self.mutated = self.mutated, {}
        literals = self.literals
        words = {word.arg: word.value for word in node.keywords if word.arg in parameters}
        given_as = {} if handed else {**_defaults(function), **nodes, **words}
        self.literals = self._constants_of(given_as, local)
        for rebound in [n for n, v in self.literals.items() if isinstance(v, dict)]:
            if any(rebound in _stores(statement) for statement in function.body):
                del self.literals[rebound]
        self.names = ChainMap(local, *function.scope.maps)
        self.stack.append(name)
        self.call_line = self.line_of(node)
        try:
            result = self.run_body(function)
        finally:
            self.stack.pop()
            self.names, self.literals = outer, literals
            mutated, self.mutated = self.mutated, before
        for parameter, labels in mutated.items():
            if parameter in nodes:
                self.taint(nodes[parameter], labels)
        self.returned[name] = merge(self.returned.get(name, NOTHING), result)
        return result


def _stores(node: ast.AST) -> set[str]:
    """The names that code binds."""
    names = (one for one in ast.walk(node) if isinstance(one, ast.Name))
    return {one.id for one in names if not isinstance(one.ctx, ast.Load)}


def _defaults(function: Function) -> dict[str, ast.expr]:
    """What parameters are worth that a call does not give."""
    given = function.arguments
    positional = [*given.posonlyargs, *given.args]
    pairs = [
        *zip(positional[len(positional) - len(given.defaults) :], given.defaults, strict=True),
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    return {one.arg: default for one, default in pairs if default is not None}
