"""Python source as a syntax tree, whoever wrote it."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator

MAX_SOURCE = 2 << 20


class UnreadableCodeError(ValueError):
    """Source that is no Python, too long, or nested beyond what can be read."""


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


def loaded(target: ast.expr) -> ast.expr:
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


def bound_once(tree: ast.Module, nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """The names that a module binds once in all, at its top or as a function begins, and to what:
    `TRAIN_ONLY = True`. None where something may bind names that it does not spell out. `nodes`
    are all of the tree's.
    """
    bound = Counter(name for node in nodes for name in _bound(node))
    if "*" in bound:
        return {}
    found = {}
    for statement in _at_top(tree.body):
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=value):
                if bound[name] == 1 and value is not None:
                    found[name] = value
    return found


def _at_top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that stand in no branch and no loop: a module's, its functions', and those
    that run where it is the one that is started."""
    for statement in body:
        match statement:
            case ast.If(ast.Compare(ast.Name("__name__")), then, []):
                yield from then
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from statement.body
            case _:
                yield statement


_BINDS_ANY = ("globals", "locals", "vars", "exec", "setattr")


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node binds; `*`: any."""
    match node:
        case ast.Name(name, ast.Store() | ast.Del()) | ast.arg(name):
            yield name
        case ast.Name(name) if name in _BINDS_ANY:
            yield "*"
        case ast.alias(name, other):
            yield other or name
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
            yield name
        case ast.Global(names) | ast.Nonlocal(names):
            yield from names
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
