"""For terminals that show ASCII only: the last step before the terminal replaces the rest."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SAME = {
    "-": "─━┄┅┈┉╌╍═╴╶╸╺╼╾▔▁",
    "|": "│┃┆┇┊┋╎╏║╵╷╹╻╽╿▏▕▌▐▎▍",
    "+": (
        "┌┍┎┏┐┑┒┓└┕┖┗┘┙┚┛├┝┞┟┠┡┢┣┤┥┦┧┨┩┪┫┬┭┮┯┰┱┲┳┴┵┶┷┸┹┺┻┼┽┾┿"
        "╀╁╂╃╄╅╆╇╈╉╊╋╔╗╚╝╠╣╦╩╬╒╓╕╖╘╙╛╜╞╟╡╢╤╥╧╨╪╫╭╮╯╰▗▖▝▘▛▜▙▟▞▚"
    ),
    "#": "█▇▆▅■▊▉▓▪◼⣿",
    "=": "▄▃▀",
    ":": "▒░▂",
    "*": "•●◆★✱∙⬤✦",
    "o": "○◌◯",
    ">": "▶▸►❯→⮞›»",
    "<": "◀◂◄❮←⮜‹«⏎",
    "^": "▲▴↑⭘⌃",
    "v": "▼▾↓✓✔",
    "x": "✗✕✖✘×⨯",
    ".": "…·",
    "!": "⚠",
    "'": "‘’′",
    '"': "“”″",
    "~": "≈∼",
}
_TABLE = {ord(char): plain for plain, chars in _SAME.items() for char in chars}


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
