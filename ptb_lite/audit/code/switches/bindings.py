"""The names that a module binds, and to what where that is told by its text alone."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from ptb_lite.audit.code.switches.config_reads import without_names

_NEVER = -1_000_000
_BINDS_ANY = ("globals", "locals", "vars", "exec", "setattr")


def bindings(nodes: Sequence[ast.AST]) -> Counter[str]:
    """How often each name is bound, anywhere; `*`: something may bind names that it does not
    spell out."""
    return Counter(name for node in nodes for name in _bound(node))


def bound_once(
    tree: ast.Module, nodes: Sequence[ast.AST], bound: Counter[str]
) -> dict[str, ast.expr]:
    """The names that a module binds once in all, at its top or as a function begins, and to what:
    `TRAIN_ONLY = True`; and those that it is done with binding before it uses them.
    """
    if "*" in bound:
        return {}
    found = {}
    for statement in _at_top(tree.body):
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), value=value):
                if bound[name] == 1 and value is not None:
                    found[name] = value
    return {**_bound_in_order(tree, nodes, bound), **found}


def functions_once(tree: ast.Module, bound: Counter[str]) -> dict[str, ast.FunctionDef]:
    """The functions at the top whose name means nothing else."""
    return {
        one.name: one
        for one in tree.body
        if isinstance(one, ast.FunctionDef)
        and bound[one.name] == 1
        and not one.decorator_list
        and "*" not in bound
    }


def imported(nodes: Sequence[ast.AST]) -> dict[str, tuple[str, str]]:
    """The names that are imported: the module, and its name there (empty: the module itself)."""
    found: dict[str, tuple[str, str]] = {}
    for node in nodes:
        match node:
            case ast.ImportFrom(module, names):
                found |= {one.asname or one.name: (module or one.name, one.name) for one in names}
            case ast.Import(names):
                found |= {one.asname or one.name: (one.name, "") for one in names}
    return found


def _at_top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that stand in no branch and no loop: a module's, its functions', and those
    that run where it is the one that is started."""
    for statement in body:
        match statement:
            case ast.If(ast.Compare(ast.Name("__name__")), then, []):
                yield from then
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _at_top([s for s in statement.body if not isinstance(s, ast.If)])
            case ast.With(items, inner):
                yield from without_names(inner, items)
            case _:
                yield statement


def _bound_in_order(
    tree: ast.Module, nodes: Sequence[ast.AST], bound: Counter[str]
) -> dict[str, ast.expr]:
    """`use = False`, then `if "--all" in sys.argv: use = True`: what a name is after all that."""
    values: dict[str, ast.expr] = {}
    seen, last = Counter[str](), dict[str, int]()
    for statement in tree.body:
        branches = (
            [list(_assigned(statement.body)), list(_assigned(statement.orelse))]
            if isinstance(statement, ast.If)
            else [list(_assigned([statement]))]
        )
        names = [name for branch in branches for name, _ in branch]
        seen.update(names)
        for name in set(names):
            last[name] = statement.end_lineno or statement.lineno
            then, *otherwise = (dict(branch).get(name, values.get(name)) for branch in branches)
            other = otherwise[0] if otherwise else then
            if then is None or other is None:
                seen[name] = _NEVER
            elif isinstance(statement, ast.If):
                values[name] = ast.IfExp(statement.test, then, other)
            else:
                values[name] = then
    first: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            first[node.id] = min(first.get(node.id, node.lineno), node.lineno)
    return {
        name: value
        for name, value in values.items()
        if 1 < bound[name] == seen[name] and first.get(name, 1 << 30) > last[name]
    }


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for statement in body:
        match statement:
            case ast.Assign([ast.Name(name)], value):
                yield name, value
            case ast.AnnAssign(ast.Name(name), value=ast.expr() as value):
                yield name, value


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
