"""Temporary files and folders of a program: what they are called is not known, but that they are
the same ones is. Each call has a name of its own, which stands for what the system would give."""

from __future__ import annotations

from typing import Any

_TEXTS = {"tempfile.mkdtemp", "tempfile.mktemp"}
NAMED = {"tempfile.TemporaryDirectory", "tempfile.NamedTemporaryFile"}
"""Calls that give an object with the path as its `name`; a folder's `with` gives the path."""


def made_by(name: str, key: str) -> list[Any]:
    """What a call of that name gives, as constants; nothing where it gives no path. `key` tells
    it from all other calls."""
    path = f"/tmp/tmp-{key}"
    if name in _TEXTS or name == "tempfile.TemporaryDirectory":
        return [path]
    if name == "tempfile.mkstemp":
        return [[0, path]]
    return ["/tmp"] if name == "tempfile.gettempdir" else []


def name_of(called: str, attribute: str, key: str) -> str:
    """The path that `TemporaryDirectory().name` is; empty: `called` is no such call."""
    known = attribute == "name" and called.removesuffix("()") in NAMED
    return f"/tmp/tmp-{key}" if known else ""
