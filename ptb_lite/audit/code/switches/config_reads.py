"""The expressions that read a configuration file, and which file that is."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ptb_lite.audit.code.switches.start import Unknown

_LOADS = {"load", "safe_load", "full_load", "loads", "unsafe_load"}
_PARSERS = {"json", "yaml", "toml", "tomllib", "tomli", "OmegaConf", "tomlkit", "orjson"}
_READERS = {"ConfigParser", "RawConfigParser", "SafeConfigParser"}


def file_read(call: ast.Call) -> ast.expr | None:
    """The path of the file whose content a call parses: `json.load(open("a.json"))`."""
    match call:
        case ast.Call(ast.Attribute(owner, name), [given, *_]) if name in _LOADS:
            if _last(owner) in _PARSERS:
                return _opened(given)
    return None


def makes_reader(node: ast.expr) -> bool:
    """`configparser.ConfigParser()`."""
    return isinstance(node, ast.Call) and _last(node.func) in _READERS


def files_of_readers(nodes: Sequence[ast.AST]) -> dict[str, list[ast.expr]]:
    """What the names of such readers are given to read."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.Call(ast.Attribute(ast.Name(name), "read"), [path]):
                found.setdefault(name, []).append(path)
    return found


def hydra_files(nodes: Sequence[ast.AST], bound: Counter[str]) -> dict[str, str]:
    """The configuration file that a function is handed by a decorator, by its parameter's name."""
    found = {}
    for node in nodes:
        if not isinstance(node, ast.FunctionDef) or not node.args.args:
            continue
        for mark in node.decorator_list:
            match mark:
                case ast.Call(ast.Attribute(_, "main")):
                    given = {one.arg: _text(one.value) for one in mark.keywords}
                    parameter, name = node.args.args[0].arg, given.get("config_name", "")
                    if name and bound[parameter] == 1:
                        folder = given.get("config_path") or "."
                        found[parameter] = f"{folder}/{name.removesuffix('.yaml')}.yaml"
    return found


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def without_names(body: list[ast.stmt], items: list[ast.withitem]) -> list[ast.stmt]:
    """The statements in a `with open(path) as f`, with `open(path)` in the place of `f`."""
    opened = {
        item.optional_vars.id: item.context_expr
        for item in items
        if isinstance(item.optional_vars, ast.Name)
    }
    return [
        ast.Assign(one.targets, _put_in(one.value, opened), lineno=one.lineno)
        if isinstance(one, ast.Assign)
        else ast.Return(_put_in(one.value, opened))
        if isinstance(one, ast.Return) and one.value
        else one
        for one in body
    ]


def path_of(node: ast.expr, text: Callable[[ast.expr], Any]) -> str:
    """A path from what is known of it: folders that are not are left out. `text` evaluates.

    Raises Unknown.
    """
    match node:
        case ast.BinOp(left, ast.Div(), right):
            return f"{_folder(left, text)}{path_of(right, text)}"
        case ast.Call(ast.Attribute(_, "join"), [*folders, last]):
            return f"{''.join(_folder(one, text) for one in folders)}{path_of(last, text)}"
        case ast.Call(function, [inner]) if _last(function) in ("Path", "PurePath", "str"):
            return path_of(inner, text)
    found = text(node)
    if not isinstance(found, str):
        raise Unknown
    return found


def _folder(node: ast.expr, text: Callable[[ast.expr], Any]) -> str:
    try:
        return f"{path_of(node, text).rstrip('/')}/"
    except Unknown:
        return ""


def _opened(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.Call(ast.Name("open") | ast.Attribute(attr="open"), []):
            return node.func.value if isinstance(node.func, ast.Attribute) else None
        case ast.Call(ast.Name("open") | ast.Attribute(ast.Name("io" | "codecs"), "open"), [p, *_]):
            return p
        case ast.Call(ast.Attribute(path, "open" | "read_text" | "read_bytes")):
            return path
        case ast.Call(ast.Attribute(inner, "read"), []):
            return _opened(inner)
        case ast.Constant(str()) | ast.Name():
            return node  # `toml.load("a.toml")`, `OmegaConf.load(path)`
    return None


class _PutIn(ast.NodeTransformer):
    def __init__(self, values: dict[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._values.get(node.id, node)


def _put_in(node: ast.expr, values: dict[str, ast.expr]) -> ast.expr:
    uses = any(isinstance(one, ast.Name) and one.id in values for one in ast.walk(node))
    if not uses:
        return node
    copied = ast.parse(ast.unparse(node), mode="eval").body
    put: ast.expr = _PutIn(values).visit(copied)
    return ast.copy_location(put, node)


def _last(node: ast.expr) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(name):
            return name
    return ""
