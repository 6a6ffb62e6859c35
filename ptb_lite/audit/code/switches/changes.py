"""What a program sets itself: attributes, keys of tables, its own words and variables."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_CHANGING = {"update", "setdefault", "pop", "popitem", "clear", "__setitem__", "merge_with",
             "merge"}  # fmt: skip


@dataclass(frozen=True)
class Changes:
    """`attributes` are those that are set, but by `self`; among them `environ` and `argv` where the
    program does more than read them. `own` counts what is set by `self`, `keys` are those under
    which something is put into any table, and `tables` names that are changed otherwise."""

    attributes: frozenset[str]
    own: Counter[str]
    keys: frozenset[str]
    tables: frozenset[str]


def changes_of(nodes: Sequence[ast.AST]) -> Changes:
    """All of them, wherever they stand in the program."""
    attributes, keys, tables = set[str](), set[str](), set[str]()
    own = Counter[str]()
    for node in nodes:
        match node:
            case ast.Attribute(ast.Name("self"), name, ast.Store() | ast.Del()):
                own[name] += 1
            case ast.Attribute(_, name, ast.Store() | ast.Del()):
                attributes.add(name)
            case ast.Attribute(attr="putenv" | "load_dotenv"):
                attributes.add("environ")
            case ast.Attribute(attr="set_defaults"):
                attributes.add("set_defaults")
            case ast.alias("load_dotenv" | "putenv" | "environ"):
                attributes.add("environ")
            case ast.alias("argv"):
                attributes.add("argv")
            case ast.Subscript(table, ast.Constant(str(key)), ast.Store() | ast.Del()):
                keys.add(key)
            case ast.Subscript(table, _, ast.Store() | ast.Del()):
                tables.add(_root(table))
            case ast.Call(ast.Attribute(table, name)) if name in _CHANGING:
                tables.add(_root(table))
    return Changes(
        frozenset(attributes | _more_than_read(nodes)), own, frozenset(keys), frozenset(tables)
    )


def _more_than_read(nodes: Sequence[ast.AST]) -> set[str]:
    read, seen = Counter[str](), Counter[str]()
    for node in nodes:
        match node:
            case (
                ast.Subscript(ast.Attribute(attr=name), ctx=ast.Load())
                | ast.Call(ast.Attribute(ast.Attribute(attr=name), "get"))
                | ast.Call(ast.Name("len"), [ast.Attribute(attr=name)])
                | ast.Compare(_, [ast.In() | ast.NotIn()], [ast.Attribute(attr=name)])
            ):
                read[name] += 1
            case ast.Attribute(attr=name, ctx=ast.Load()):
                seen[name] += 1
    return {name for name in ("environ", "argv") if seen[name] > read[name]}


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
