"""Notebooks as programs."""

from __future__ import annotations

import json
import re
from typing import Any

from ptb_lite.audit.code.syntax import UnreadableCodeError, parse

MAGIC = re.compile(r"^(\s*)([%!].*)$", re.MULTILINE)
"""Lines of a cell that are no Python."""


def joined_cells(text: str) -> str:
    """The programs of a notebook's cells, one after the other.

    Raises ValueError, AttributeError or RecursionError for what is no notebook.
    """
    cells = json.loads(text).get("cells", [])
    if not isinstance(cells, list):
        raise ValueError("its cells are no list")
    return "\n".join(cell_source(cell) for cell in cells[:10_000] if isinstance(cell, dict))


def is_python(source: str) -> bool:
    """Whether a cell's text is a program."""
    try:
        parse(MAGIC.sub(r"\1pass", source))
    except UnreadableCodeError:
        return False
    return True


def cell_source(cell: dict[str, Any]) -> str:
    """The program of one cell, its lines of the shell behind `!`; empty where it is none."""
    lines = cell.get("source", "")
    text = "".join(map(str, lines)) if isinstance(lines, list) else str(lines)
    if cell.get("cell_type") != "code":
        return ""
    if text.lstrip().startswith(("%%bash", "%%sh", "%%script")):
        body = text.partition("\n")[2]
        return "\n".join(f"!{line}" for line in body.split("\n"))
    return text
