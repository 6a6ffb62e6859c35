"""How values reach a terminal: escaped, aligned, or as JSON."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, TextIO


def printable(value: object) -> str:
    """`value` as one line that cannot move the cursor, colour the terminal or hide text."""
    return "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else _escaped(char)
        for char in str(value)
    )


def say(text: str = "") -> None:
    """One escaped line on standard output."""
    _print(text, sys.stdout)


def say_error(text: str) -> None:
    """One escaped line on standard error."""
    _print(text, sys.stderr)


def say_json(value: Any) -> None:
    """One JSON document on standard output, ASCII only: control characters cannot slip through."""
    print(json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False))


def say_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns; the last one is not padded."""
    cells = [[printable(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        say("  ".join(padded).rstrip())


def _print(text: str, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    print(printable(text).encode(encoding, "backslashreplace").decode(encoding), file=stream)


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
