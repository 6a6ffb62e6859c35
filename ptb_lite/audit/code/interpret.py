"""Follows a Python program's constants, names and data without running it.

An abstract interpreter over the syntax tree: every expression is worth a few alternatives
(`values.py`), imports and aliases resolve to dotted names, local functions are bound to the
arguments of their calls, and labels given to a call's result travel with whatever is made from it.
Loops and branches are walked once, three passes in all, with a budget of steps; what it cannot
tell is worth nothing, never an error.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ptb_lite.audit.code.expressions import Expressions
from ptb_lite.audit.code.values import NOTHING, Label, Site, Value, known, merge, union
from ptb_lite.audit.evidence import progress

MAX_SOURCE = 2 << 20
MAX_STEPS = 1_500_000
_PASSES = 3


class UnreadableCodeError(ValueError):
    """Source that is no Python, too long, or nested beyond what can be read."""


class OutOfStepsError(Exception):
    """The budget of one program is used up."""


@dataclass
class Program:
    """What is known of one program: its calls in order, the texts that it puts together (those
    that do not stand in it as they are), with their lines, and whether all of it was followed."""

    sites: list[Site] = field(default_factory=list)
    made: list[tuple[int, str]] = field(default_factory=list)
    whole: bool = True


LabelSource = Callable[[Site], Iterable[Label]]
PartPicker = Callable[[Label, object], Label]


def interpret(
    source: str,
    *,
    label: LabelSource = lambda _site: (),
    pick: PartPicker = lambda found, _key: found,
) -> Program:
    """What `source` calls and with what.

    `label` names what a call's result carries; `pick` refines a label where the code takes one
    part of what carries it (`dataset["train"]`). Raises UnreadableCodeError.
    """
    progress.interpreting(source)
    tree = parse(source)
    walker = _Walker(label, pick)
    for _ in range(_PASSES):
        walker.begin()
        try:
            walker.block(tree.body)
        except (OutOfStepsError, RecursionError):
            walker.program.whole = False
            break
    return walker.program


def parse(source: str) -> ast.Module:
    """Raises UnreadableCodeError."""
    if len(source) > MAX_SOURCE:
        raise UnreadableCodeError("longer than 2 MB")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableCodeError(str(error)[:200]) from error


class _Walker(Expressions):
    """Statements; the expressions are its parent's."""

    def __init__(self, label: LabelSource, pick: PartPicker) -> None:
        super().__init__(label, pick)
        self.program = Program()
        self._depth = 0
        self._returns: list[Value] = []

    def begin(self) -> None:
        self.program = Program()
        self.sites, self.made = self.program.sites, self.program.made
        self.steps = 0
        self._depth = 0

    def spend(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise OutOfStepsError

    def block(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def inner(self, *bodies: Iterable[ast.stmt]) -> None:
        """Code that may or may not run: its assignments add to what is known."""
        self._depth += 1
        for body in bodies:
            self.block(body)
        self._depth -= 1

    def statement(self, node: ast.stmt) -> None:
        self.spend()
        match node:
            case ast.Import() | ast.ImportFrom():
                self.bind_import(node)
            case ast.Assign():
                value = self.value(node.value)
                for target in node.targets:
                    self.assign(target, value)
            case ast.AnnAssign(value=ast.expr() as right):
                self.assign(node.target, self.value(right))
            case ast.AugAssign():
                self._augment(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Return():
                self._returns.append(self.value(node.value) if node.value else NOTHING)
            case ast.For() | ast.AsyncFor():
                self.assign(node.target, self.element_of(self.value(node.iter)))
                self.inner(node.body, node.orelse)
            case ast.While():
                self.value(node.test)
                self.inner(node.body, node.orelse)
            case ast.If():
                self.value(node.test)
                self.inner(node.body, node.orelse)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    value = self.value(item.context_expr)
                    if item.optional_vars is not None:
                        self.assign(item.optional_vars, value)
                self.block(node.body)
            case ast.Try() | ast.TryStar():
                self.inner(node.body, *(h.body for h in node.handlers), node.orelse, node.finalbody)
            case ast.Match():
                self.value(node.subject)
                self.inner(*(case.body for case in node.cases))
            case ast.Expr():
                self.value(node.value)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.value(child)

    def assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name():
                before = self.names.get(target.id, NOTHING) if self._depth else NOTHING
                self.names[target.id] = merge(before, value) if self._depth else value
            case ast.Tuple() | ast.List():
                for position, part in enumerate(target.elts):
                    inner = part.value if isinstance(part, ast.Starred) else part
                    self.assign(inner, self.part_of(value, position))
            case ast.Attribute():
                name = self.dotted(target)
                if name:
                    self.names[name] = merge(self.names.get(name, NOTHING), value)
                self.taint(target.value, value.labels)
            case ast.Subscript():
                self.value(target.slice)
                self._set_item(target, value)
                self.taint(target.value, value.labels)
            case _:
                pass

    def _set_item(self, target: ast.Subscript, value: Value) -> None:
        """`os.environ["PYTHONPATH"] = ...` is told as a call, since it is what others look for."""
        for ref in self.value(target.value).refs():
            key = self.value(target.slice)
            self.sites.append(Site(f"{ref.name}.__setitem__", target.lineno, (key, value)))

    def _augment(self, node: ast.AugAssign) -> None:
        joined = ast.BinOp(_loaded(node.target), node.op, node.value)
        ast.copy_location(joined, node)
        value = self.value(joined)
        self._depth += 1
        self.assign(node.target, value)
        self._depth -= 1

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        names = [argument.arg for argument in arguments]
        for decorator in node.decorator_list:
            self.value(decorator)
        self.functions[node.name] = tuple(names)
        outer, self._returns = self._returns, []
        saved = {name: self.names.get(name) for name in names}
        for name in names:
            self.names[name] = self.bound.get((node.name, name), NOTHING)
        self._defaults(node.args)
        self.inner(node.body)
        self.returned[node.name] = merge(*self._returns) if self._returns else NOTHING
        self._returns = outer
        for name, value in saved.items():
            if value is None:
                self.names.pop(name, None)
            else:
                self.names[name] = value

    def _defaults(self, arguments: ast.arguments) -> None:
        positional = [*arguments.posonlyargs, *arguments.args]
        with_default = positional[len(positional) - len(arguments.defaults) :]
        pairs = [
            *zip(with_default, arguments.defaults, strict=True),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        for argument, default in pairs:
            if default is not None:
                value = merge(self.names.get(argument.arg, NOTHING), self.value(default))
                self.names[argument.arg] = value

    def _class(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            for ref in self.value(base).refs():
                self.sites.append(Site(f"{ref.name}.__subclass__", node.lineno))
        self.inner(node.body)


def _loaded(target: ast.expr) -> ast.expr:
    """The target of `x += y` as an expression to read."""
    match target:
        case ast.Name():
            loaded: ast.expr = ast.Name(target.id, ast.Load())
        case ast.Attribute():
            loaded = ast.Attribute(target.value, target.attr, ast.Load())
        case ast.Subscript():
            loaded = ast.Subscript(target.value, target.slice, ast.Load())
        case _:
            loaded = ast.Constant(None)
    return ast.copy_location(loaded, target)


__all__ = ["Label", "Program", "Site", "UnreadableCodeError", "interpret", "known", "union"]
