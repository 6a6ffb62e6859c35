"""Untrusted text made safe to show, and figures as people write them. Nothing else sanitises.

`escaped` shows every unseen character as an escape: terminals, logs, evidence. `one_line` and
`clean` put a mark in its place: prose in panels. `visible` keeps the lines as they are: reports.
"""

from __future__ import annotations

import math
import re
import unicodedata

# Colours are common in the output of tools; to leave them out hides nothing.
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_UNKNOWN = "\ufffd"
_TAB = 4


def escaped(value: object, limit: int | None = None) -> str:
    """One line that cannot move the cursor, colour, hide or turn around: `\\x1b`, `\\n`, `\\u202e`.

    Of at most `limit` characters before they are escaped; a cut ends in "…".
    """
    text = str(value)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


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
    """`text` on one line with single spaces, at most `limit` characters long."""
    flat = " ".join(clean(text[: limit + 1], limit + 1).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def visible(value: object) -> str:
    """Text without characters that are unseen or turn the direction of what follows."""
    return "".join(c if c.isprintable() or c == "\n" else _UNKNOWN for c in str(value))


def plural(count: int, word: str, many: str = "") -> str:
    """ "1 flag", "2 flags", "3 entries" (`many`: the plural where it is no plain s)."""
    return f"{count} {word if count == 1 else many or word + 's'}"


def duration(seconds: float) -> str:
    """Seconds in words: "42 s", "4 min 10 s", "2 h 05 min", "3 d 04 h"."""
    if not math.isfinite(seconds):
        return "?"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24:02d} h"


def percent(share: float | None, none: str = "-") -> str:
    """A share in [0, 1] as "12.3 %"; `none` where there is no figure."""
    return none if share is None else f"{100 * share:.1f} %"


def gigabytes(count: float) -> str:
    """Bytes as "1.2 GB" (10^9)."""
    return f"{count / 1e9:.1f} GB"


def large(count: float) -> str:
    """A number of things: "270 M", "1.0 B"; never "1000 M"."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        # Rounding up to the next unit's 1000 takes that unit.
        if count >= 0.9995 * size:
            return f"{count / size:.1f} {unit}" if unit == "B" else f"{count / size:.0f} {unit}"
    return f"{count:.0f}"


def _line(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(_shown(char) for char in line.expandtabs(_TAB))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " " if unicodedata.category(char) == "Zs" else _UNKNOWN
