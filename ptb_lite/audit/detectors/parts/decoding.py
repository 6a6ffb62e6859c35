"""Code that a submission brings to generate with: whether it only decodes, or holds answers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ptb_lite.audit.code.syntax import UnreadableCodeError, parse
from ptb_lite.audit.evidence.folder import open_regular

_MAX_FILES, _MAX_CODE = 20, 256 << 10
_MAX_LITERALS, _MAX_ENTRIES = 4000, 40
_BRINGS = re.compile(
    r"open|read\w*|load\w*|urlopen|urlretrieve|post|request|connect|execute|exec|eval|compile|"
    r"import_module|__import__|Popen|run|system|popen|decompress|b64decode|b85decode|fromhex|"
    r"unhexlify|md5|sha1|sha256|blake2\w|hash|from_pretrained|hf_hub_download|snapshot_download|"
    r"getattr|globals|vars"
)
_ASKS = {"model", "generate", "forward", "_sample", "sample", "_beam_search", "__call__"}


def only_decodes(folder: Path) -> bool:
    """Whether the Python files in a folder ask the model and nothing else: they read no file, ask
    no host, hash nothing and hold no table. Of what could not be read: no. Never raises for what
    the files hold."""
    asked = False
    sources = list(_sources(folder))
    for source in sources:
        if source is None or _holds_much(source):
            return False
        called = set(_called(source))
        if any(map(_BRINGS.fullmatch, called)):
            return False
        asked = asked or not called.isdisjoint(_ASKS)
    return asked


def _called(source: str) -> Iterator[str]:
    """The last names of what is called, and of what is imported."""
    for node in ast.walk(parse(source)):
        match node:
            case ast.Call(ast.Attribute(attr=name) | ast.Name(name)):
                yield name
            case ast.Call():
                yield "eval"  # a function that has no name: nobody knows which
            case ast.ImportFrom(names=names):
                yield from (one.name for one in names)


def _sources(folder: Path) -> Iterator[str | None]:
    """None: a file that cannot be read, or is none of Python's."""
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if path.is_dir() and not path.is_symlink():
            continue
        if path.suffix != ".py" or number > _MAX_FILES:
            yield None
            continue
        try:
            with open_regular(path) as stream:
                raw = stream.read(_MAX_CODE + 1)
        except OSError:
            raw = b"\0" * (_MAX_CODE + 1)
        yield raw.decode("utf-8", "replace") if len(raw) <= _MAX_CODE else None


def _holds_much(source: str) -> bool:
    """Whether there is room for a table of answers in its constants."""
    try:
        tree = parse(source)
    except UnreadableCodeError:
        return True
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    size = 0
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str() | bytes() as value) if id(node) not in documents:
                size += len(value)
            case ast.Constant(int() as value):
                size += value.bit_length() // 8
            case ast.Dict(keys) if len(keys) > _MAX_ENTRIES:
                return True
            case ast.List(parts) | ast.Tuple(parts) | ast.Set(parts) if len(parts) > _MAX_ENTRIES:
                return True
    return size > _MAX_LITERALS
