"""Python source as a syntax tree, whoever wrote it."""

from __future__ import annotations

import ast
import warnings

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
