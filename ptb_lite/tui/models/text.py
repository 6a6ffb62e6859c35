"""Untrusted text on its way to a terminal: nothing that moves, colours, hides or turns around."""

from __future__ import annotations

import re
import unicodedata

# Colours are common in the output of tools; to leave them out hides nothing.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_UNKNOWN = "\ufffd"
TAB = 4


def clean(text: str, limit: int) -> str:
    """`text` in lines, without control and direction characters, at most `limit` characters long.

    What is cut off is counted at the end.
    """
    more = len(text) - limit
    kept = text[:limit] if more > 0 else text
    if not kept.isprintable():
        kept = _COLOURS.sub("", kept).replace("\r\n", "\n").replace("\r", "\n")
        kept = "\n".join(_line(line) for line in kept.split("\n"))
    return f"{kept} […{more} more characters in the trace]" if more > 0 else kept


def one_line(text: str, limit: int = 200) -> str:
    """`text` on one line, at most `limit` characters long."""
    flat = " ".join(clean(text[: limit + 1], limit + 1).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(_shown(char) for char in line.expandtabs(TAB))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " " if unicodedata.category(char) == "Zs" else _UNKNOWN
