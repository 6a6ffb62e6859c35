"""Text that others wrote, made safe for a cell grid: one line, no control characters, no markup."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from ptb_lite.text import escaped

_MOST = 4000


def one_line(text: object, cells: int = 200) -> str:
    """`text` on one line of at most `cells` terminal cells; a cut ends in "…".

    Control, direction and other invisible characters are shown as escapes, so that they can
    neither steer the terminal nor turn the reading order of what stands beside them.
    """
    # A bounded look: more than this many characters never fit, escapes only grow.
    head = str(text)[: min(_MOST, cells + 1)]
    shown = escaped(head)
    if cell_len(shown) <= cells and len(head) == len(str(text)):
        return shown
    return set_cell_size(shown, max(0, min(cells, cell_len(shown) + 1) - 1)).rstrip() + "…"


def content(text: object, cells: int = 200) -> Content:
    """`one_line` as a Textual Content: square brackets in it are no markup."""
    return Content(one_line(text, cells))


def notification(words: str, environ: Mapping[str, str] = os.environ) -> str:
    """The control sequence by which a terminal notifies: OSC 9, or OSC 777 where only that is
    known (rxvt, VTE). tmux hands it on to the terminal around it where it is allowed to."""
    known = environ.get("TERM", "").startswith("rxvt") or "VTE_VERSION" in environ
    told = f"777;notify;ptb-lite;{words}" if known else f"9;ptb-lite: {words}"
    sequence = f"\x1b]{told}\x07"
    if "TMUX" not in environ:
        return sequence
    return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\"
