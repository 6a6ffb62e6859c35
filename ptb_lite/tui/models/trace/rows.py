"""Entries of a trace as rows of a given width: wrapped, and folded where they are long."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from ptb_lite.tui.models.trace.entries import FOLDED, Entry, EntryKind

# What is read is shown up to so many rows, what is only looked up on one.
TALK_ROWS = 12
MIN_WIDTH = 8

MARKS = {
    EntryKind.MESSAGE: "  ",
    EntryKind.REASONING: "~ ",
    EntryKind.COMMAND: "$ ",
    EntryKind.RESULT: "> ",
    EntryKind.ERROR: "! ",
    EntryKind.NOTE: "· ",
    EntryKind.FLAG: "⚑ ",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row on the screen. `look` is the entry's kind, or "turn" for a turn's heading."""

    number: int
    text: str
    look: str


def rows_of(entry: Entry, width: int, *, opened: bool, heading: bool) -> list[Row]:
    """The rows of one entry, `width` cells wide at most; with `heading` its turn's comes first."""
    rows = [Row(entry.number, _heading(entry), "turn")] if heading else []
    mark = MARKS[entry.kind]
    texts = _texts(entry, max(MIN_WIDTH, width - len(mark)), opened)
    indent = " " * len(mark)
    look = entry.kind.value
    rows.append(Row(entry.number, mark + texts[0], look))
    rows.extend(Row(entry.number, indent + text, look) for text in texts[1:])
    return rows


def can_fold(entry: Entry, width: int) -> bool:
    """Whether opening or closing it makes a difference."""
    room = max(MIN_WIDTH, width - len(MARKS[entry.kind]))
    return len(wrap(entry.text, room)) > (1 if entry.kind in FOLDED else TALK_ROWS)


def wrap(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width` cells, broken at spaces where there are any."""
    found: list[str] = []
    for line in text.split("\n"):
        if len(line) * 2 <= width or cell_len(line) <= width:
            found.append(line)
        else:
            found.extend(_broken(line, width))
    return found


def _texts(entry: Entry, width: int, opened: bool) -> list[str]:
    texts = wrap(entry.text, width)
    if opened:
        return texts
    if entry.kind in FOLDED:
        if len(texts) == 1:
            return texts
        return [_fitting(f"[+] {len(texts)} lines: {texts[0].strip()}", width)]
    if len(texts) > TALK_ROWS:
        return [*texts[: TALK_ROWS - 1], f"[+] {len(texts) - TALK_ROWS + 1} more lines"]
    return texts


def _heading(entry: Entry) -> str:
    tool = f" · {entry.tool}" if entry.tool else ""
    return f"turn {entry.turn} · {entry.time.astimezone():%H:%M:%S}{tool}"


def _broken(line: str, width: int) -> list[str]:
    pieces = []
    while line:
        # A bounded look: combining characters take no cell, so a head may hold more than `width`.
        head = line[: 4 * width]
        if cell_len(head) <= width:
            piece = head
        else:
            piece = head[:width] if head.isascii() else chop_cells(head, width)[0]
            space = piece.rfind(" ")
            if space > width // 2:
                piece = piece[: space + 1]
        # A character wider than the room: one must be taken, or there is no end.
        piece = piece or line[:1]
        pieces.append(piece)
        line = line[len(piece) :]
    return pieces


def _fitting(text: str, width: int) -> str:
    return text if cell_len(text) <= width else chop_cells(text, width - 1)[0] + "…"
