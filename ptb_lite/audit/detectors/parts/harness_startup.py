"""What start-up code of Python does: the part of the harness detector for `sitecustomize.py`.

Harmless is what sets variables, options of libraries, seeds, warnings and logs. What puts another
function in the place of one, touches a package that judges, search paths or modules, or runs text
or programs, is not; nor is what cannot be read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from ptb_lite.audit.evidence.acts import JUDGES

_MAX_NODES = 2000
_GUARDED = re.compile(r"^(?:PYTHON\w*|PATH|LD_\w+|HF_ENDPOINT|\w*_BASE_URL)$")
_REACHES = re.compile(
    r"^(?:exec|eval|compile|open|setattr|delattr|globals|locals|vars|__import__|getattr|print)$|"
    r"^(?:sys\.(?:path|modules|meta_path|path_hooks|settrace|setprofile|addaudithook|exit)|"
    r"importlib|runpy|subprocess|socket|shutil|ctypes|builtins|site|atexit|threading|signal|"
    r"multiprocessing|os\.(?!environ\b|getenv\b|path\b|cpu_count\b)\w+|pathlib|urllib|requests|httpx|"
    r"unittest\.mock|time|datetime|io|json)(?:\.|$)"
)
_PLAIN = (
    ast.Import,
    ast.ImportFrom,
    ast.Expr,
    ast.Assign,
    ast.AnnAssign,
    ast.If,
    ast.Try,
    ast.Pass,
)


def is_harmless(source: bytes, own: frozenset[str] = frozenset()) -> bool:
    """Whether start-up code changes nothing of what is measured. `own` are the names of modules
    in the workspace: what these do is not known here."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    nodes = list(ast.walk(tree))
    if not tree.body or len(nodes) > _MAX_NODES:
        return False
    plain = all(map(_is_plain, _statements(tree.body)))
    return plain and all(_is_quiet(node, own.union(JUDGES)) for node in nodes)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, field, []) if isinstance(node, _PLAIN) else [])
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def _is_plain(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return all(_may_be_set(target, node.value) for target in node.targets)
    return isinstance(node, _PLAIN)


def _may_be_set(target: ast.expr, value: ast.expr) -> bool:
    if isinstance(target, ast.Name):
        return True
    key = target.slice if isinstance(target, ast.Subscript) else None
    if isinstance(key, ast.Constant) and isinstance(target, ast.Subscript):
        named = ast.unparse(target.value) in ("os.environ", "environ")
        return named and not _GUARDED.match(str(key.value))
    return isinstance(target, ast.Attribute) and isinstance(value, ast.Constant)


def _is_quiet(node: ast.AST, loud: frozenset[str]) -> bool:
    match node:
        case ast.Import():
            return not any(alias.name.partition(".")[0] in loud for alias in node.names)
        case ast.ImportFrom():
            return (node.module or "").partition(".")[0] not in loud and not node.level
        case ast.Lambda() | ast.Await() | ast.Yield() | ast.YieldFrom():
            return False
        case ast.Call():
            called = ast.unparse(node.func)
            words = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            guarded = any(isinstance(word, str) and _GUARDED.match(word) for word in words)
            return not _REACHES.match(called) and not guarded
        case _:
            return True
