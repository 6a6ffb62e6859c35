"""Text that others wrote, made safe for a cell grid: one line, no control characters, no markup."""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len, set_cell_size
from textual.content import Content

_MOST = 4000


def one_line(text: object, cells: int = 200) -> str:
    """`text` on one line of at most `cells` terminal cells; a cut ends in "…".

    Control, direction and other invisible characters are shown as escapes, so that they can
    neither steer the terminal nor turn the reading order of what stands beside them.
    """
    # A bounded look: more than this many characters never fit, escapes only grow.
    head = str(text)[: min(_MOST, cells + 1)]
    shown = "".join(char if _is_visible(char) else _escaped(char) for char in head)
    if cell_len(shown) <= cells and len(head) == len(str(text)):
        return shown
    return set_cell_size(shown, max(0, min(cells, cell_len(shown) + 1) - 1)).rstrip() + "…"


def content(text: object, cells: int = 200) -> Content:
    """`one_line` as a Textual Content: square brackets in it are no markup."""
    return Content(one_line(text, cells))


def _is_visible(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"


def _escaped(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
