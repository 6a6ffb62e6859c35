"""Other names for the variables of one Python function, its meaning unchanged.

Names are exchanged at their tokens, so that layout and comments stay as they are; then both texts
are parsed, and only a result whose syntax tree is the renamed original counts. Nothing is executed.
"""

from __future__ import annotations

import ast
import builtins
import io
import keyword
import random
import re
import tokenize
from collections.abc import Iterator, Mapping

# Each name is exchanged for another of its row: what is as natural in its place.
KINDRED: tuple[tuple[str, ...], ...] = (
    ("numbers", "nums", "values", "entries", "elements", "items", "arr", "array", "lst", "data",
     "sequence", "series", "list1", "list2", "lst1", "lst2", "xs", "l"),
    ("string", "text", "word", "phrase", "s", "txt", "message", "sentence", "str1", "str2", "line"),
    ("strings", "words", "texts", "phrases", "names", "lines", "tokens"),
    ("n", "num", "number", "x", "value", "val", "k", "m", "y", "a", "b", "c", "p", "q", "t", "v",
     "w", "z", "d", "h", "r", "u"),
    ("i", "j", "idx", "index", "pos", "position", "place", "ii", "jj", "idx2", "step"),
    ("result", "res", "ans", "answer", "output", "out", "ret", "outcome", "found", "final"),
    ("count", "cnt", "counter", "tally", "total", "amount", "sum_value", "acc"),
    ("ch", "char", "c", "letter", "symbol", "e", "el", "elem", "elem2", "element", "item", "entry"),
    ("current", "cur", "curr", "latest", "active", "running", "recent"),
    ("max_value", "largest", "highest", "biggest", "maximum", "max_val", "best", "top"),
    ("min_value", "smallest", "lowest", "least", "minimum", "min_val"),
    ("left", "start", "begin", "low", "first", "head", "lower"),
    ("right", "stop", "end", "high", "last", "tail", "upper"),
    ("threshold", "limit", "bound", "cutoff", "margin"),
    ("dictionary", "mapping", "table", "lookup", "dct", "d", "dict1", "counts", "freq"),
    ("new_list", "kept", "chosen", "collected", "selected", "picked", "new_lst"),
    ("depth", "level", "nesting", "height"), ("distance", "gap", "difference", "diff", "delta"),
)  # fmt: skip
_OTHERS = (
    "part", "piece", "unit", "record", "batch", "group", "block", "state", "mark", "base", "share",
    "extra", "single", "inner", "outer", "source", "target", "given", "wanted", "shown",
)  # fmt: skip
# Words that prose has whatever the variables are called.
_PROSE = frozenset({
    "a", "i", "is", "it", "in", "on", "as", "an", "at", "be", "by", "do", "go", "he", "if", "me",
    "no", "of", "or", "so", "to", "up", "us", "we",
})  # fmt: skip
_RESERVED = frozenset(keyword.kwlist) | frozenset(dir(builtins)) | {"self", "cls", "_"}


class RenamingError(ValueError):
    """These names cannot be exchanged without a doubt."""


def function_at(code: str, offset: int) -> ast.FunctionDef:
    """The top-level function whose lines hold that character. Raises RenamingError."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RenamingError("is no Python that can be read") from error
    line = code.count("\n", 0, offset) + 1
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
            return node
    raise RenamingError("is not one function")


def variables(function: ast.FunctionDef) -> tuple[str, ...]:
    """Parameters and local variables that can be called otherwise, in order of appearance."""
    names: dict[str, None] = {}
    barred: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name):
                names[name] = None
            case ast.Name(id=name, ctx=ast.Store()):
                names[name] = None
            case ast.keyword(arg=str(name)):
                barred.add(name)
            case ast.Global(names=several) | ast.Nonlocal(names=several):
                barred |= set(several)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                barred.add(name)
            case ast.ClassDef(name=name) | ast.ExceptHandler(name=str(name)):
                barred.add(name)
            case ast.alias(name=name, asname=other):
                barred |= {name, other or name}
            case ast.JoinedStr():
                # Inside of an f-string there are no tokens of their own before Python 3.12.
                barred |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return tuple(n for n in names if n not in barred | _RESERVED and not n.startswith("__"))


def other_names(
    names: tuple[str, ...], taken: frozenset[str], source: random.Random
) -> dict[str, str]:
    """A name in the place of each, none of them in `taken`; what finds none is left out."""
    used = set(taken) | _RESERVED
    found: dict[str, str] = {}
    for name in names:
        # Letters stay letters, words words: their number of tokens is part of the difficulty.
        kin = [other for row in KINDRED if name in row for other in row]
        for pool in (kin, _OTHERS):
            fits = [
                other
                for other in pool
                if other not in used and (len(other) == 1) == (len(name) == 1)
            ]
            if fits:
                found[name] = source.choice(sorted(set(fits)))
                used.add(found[name])
                break
    return found


def name_places(
    code: str, function: ast.FunctionDef, names: Mapping[str, str]
) -> list[tuple[int, int, str]]:
    """(start, end, name) of every use of `names` in the function's code, as character offsets."""
    starts = [0]
    for line in code.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: list[tuple[int, int, str]] = []
    before = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            row, column = token.start
            inside = function.lineno <= row <= (function.end_lineno or 0)
            if inside and token.type == tokenize.NAME and before != "." and token.string in names:
                place = starts[row - 1] + column
                found.append((place, place + len(token.string), token.string))
            if token.type not in (tokenize.NL, tokenize.COMMENT):
                before = token.string
    except (tokenize.TokenError, IndentationError, SyntaxError) as error:
        raise RenamingError("is no Python that can be read") from error
    return found


def prose_places(
    code: str, function: ast.FunctionDef, names: Mapping[str, str]
) -> Iterator[tuple[int, int, str]]:
    """Where the docstring speaks of the function's parameters.

    Raises RenamingError for a parameter whose name is a word of any prose ("a").
    """
    body = function.body[0]
    if not (isinstance(body, ast.Expr) and isinstance(body.value, ast.Constant)
            and isinstance(body.value.value, str)):  # fmt: skip
        return
    lines = code.splitlines(keepends=True)
    start = sum(map(len, lines[: body.lineno - 1]))
    end = sum(map(len, lines[: body.end_lineno]))
    for argument in function.args.args:
        name = argument.arg
        if name not in names:
            continue
        places = list(re.finditer(rf"(?<![\w.'\"]){re.escape(name)}(?![\w'\"])", code[start:end]))
        if places and name in _PROSE:
            raise RenamingError("a parameter that is a word of the text")
        for match in places:
            yield start + match.start(), start + match.end(), name


def same_program(old: str, new: str, offset: int, names: Mapping[str, str]) -> bool:
    """Whether `new` is `old` with the names of the function at `offset` exchanged, and nothing
    else but docstrings."""
    try:
        one, other = ast.parse(old), ast.parse(new)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    line = old.count("\n", 0, offset) + 1
    for tree in (one, other):
        _drop_docstrings(tree)
    for node in one.body:
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name):
                    inner.id = names.get(inner.id, inner.id)
                elif isinstance(inner, ast.arg):
                    inner.arg = names.get(inner.arg, inner.arg)
    return ast.dump(one) == ast.dump(other)


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            node.body[0] = ast.Pass()
