"""How values reach a terminal: escaped, aligned, or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from ptb_lite.text import escaped


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
    cells = [[escaped(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        say("  ".join(padded).rstrip())


def _print(text: str, stream: TextIO) -> None:
    encoding = stream.encoding or "utf-8"
    print(escaped(text).encode(encoding, "backslashreplace").decode(encoding), file=stream)
