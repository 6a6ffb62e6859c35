"""The last steps before the terminal, for every screen and every widget.

One takes away what could steer a terminal, whatever a widget lets through. The other, for
terminals that show ASCII only, replaces the rest.
"""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SAME = {
    "-": "─━┄┅┈┉╌╍═╴╶╸╺╼╾▔▁–—−",
    "|": "│┃┆┇┊┋╎╏║╵╷╹╻╽╿▏▕▌▐▎▍",
    "+": (
        "┌┍┎┏┐┑┒┓└┕┖┗┘┙┚┛├┝┞┟┠┡┢┣┤┥┦┧┨┩┪┫┬┭┮┯┰┱┲┳┴┵┶┷┸┹┺┻┼┽┾┿"
        "╀╁╂╃╄╅╆╇╈╉╊╋╔╗╚╝╠╣╦╩╬╒╓╕╖╘╙╛╜╞╟╡╢╤╥╧╨╪╫╭╮╯╰▗▖▝▘▛▜▙▟▞▚"
    ),
    "#": "█▇▆▅■▊▉▋▓▪◼⣿",
    "=": "▄▃▀",
    ":": "▒░▂",
    "*": "•●◆★✱∙⬤✦",
    "o": "○◌◯",
    ">": "▶▸►❯→⮞›»≥",
    "<": "◀◂◄❮←⮜‹«⏎≤",
    "^": "▲▴↑⭘⌃",
    "v": "▼▾↓✓✔",
    "x": "✗✕✖✘×⨯",
    ".": "…·",
    "!": "⚠⚑",
    "'": "‘’′",
    '"': "“”″",
    "~": "≈∼",
    " ": "°",
}
_TABLE = {ord(char): plain for plain, chars in _SAME.items() for char in chars}


# Control characters (C0, DEL, C1), line separators, and what turns the direction of reading.
_CONTROL = (*range(0x20), *range(0x7F, 0xA0))
_DIRECTION = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_STEERING = dict.fromkeys((*_CONTROL, *_DIRECTION))


class HarmlessFilter(LineFilter):
    """Takes away characters that are not shown but obeyed; they have no width."""

    def apply(
        self,
        segments: list[Segment],
        background: Color,  # noqa: ARG002
    ) -> list[Segment]:
        """The segments of one line, without steering characters."""
        if all(text.isprintable() for text, _, _ in segments):
            return segments
        return [
            Segment(text.translate(_STEERING), style, control) for text, style, control in segments
        ]


class AsciiFilter(LineFilter):
    """Replaces every character that is not ASCII by one or two that are, of the same width."""

    def apply(
        self,
        segments: list[Segment],
        background: Color,  # noqa: ARG002
    ) -> list[Segment]:
        """The segments of one line, their text in ASCII."""
        return [Segment(as_ascii(text), style, control) for text, style, control in segments]


@lru_cache(4096)
def as_ascii(text: str) -> str:
    """`text` in ASCII, as wide as before; what has no counterpart becomes "?"."""
    if text.isascii():
        return text
    shown = text.translate(_TABLE)
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in shown)
