"""The one table of `scripts/bench`, for a terminal and as Markdown."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.figures import Figure
from bench.rows import Row

COLUMNS = ("what", "ours", "peer", "ratio", "limit", "distance", "target", "result")
_RIGHT = {"ours", "ratio", "distance"}


def cells(row: Row) -> tuple[str, ...]:
    """A row in words, in the order of COLUMNS; what a row does not have is empty."""
    figure = row.figure
    result = f"{row.state}: {row.reason}" if row.reason else row.state
    if figure is None:
        return (row.what, "", "", "", "", "", "", result)
    return (
        row.what,
        amount(figure.value, figure.unit),
        _beside(figure.peer, figure.peer_value, figure.unit),
        _times(figure.ratio),
        _beside(figure.limit, figure.limit_value, figure.unit),
        _times(figure.distance),
        target(figure),
        result,
    )


def target(figure: Figure) -> str:
    """What is to be reached, in words; empty where nothing is."""
    parts = []
    if figure.target_ratio is not None:
        parts.append(f"ratio {figure.target_ratio:g}×")
    if figure.target_value is not None:
        sign = "≤" if figure.better == "lower" else "≥"
        parts.append(f"{sign} {amount(figure.target_value, figure.unit)}")
    if figure.target_distance is not None:
        parts.append(f"distance {figure.target_distance:g}×")
    return ", ".join(parts)


def amount(value: float, unit: str) -> str:
    """A value with three digits that count, whole from 100 on."""
    size = abs(value)
    if size >= 99.95:
        text = f"{value:,.0f}"
    elif size >= 9.995:
        text = f"{value:.1f}"
    elif size >= 0.9995 or size == 0:
        text = f"{value:.2f}"
    else:
        text = f"{value:.3g}"
    return f"{text} {unit}".strip()


def notes(rows: Sequence[Row]) -> list[str]:
    """What a reader must know of single rows, below the table."""
    return [f"{row.what}: {row.figure.note}" for row in rows if row.figure and row.figure.note]


def as_text(rows: Sequence[Row], width: int) -> str:
    """The table for a terminal of `width` columns: long cells are wrapped, nothing is cut."""
    table = Table(show_lines=True)
    for name in (*COLUMNS, "others"):
        right = name in _RIGHT
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        # Text and not markup: a reason may hold brackets.
        table.add_row(*(Text(cell) for cell in (*cells(row), _share(row.others))))
    stream = io.StringIO()
    Console(file=stream, width=width, color_system=None).print(table)
    below = [f"- {note}" for note in notes(rows)]
    return stream.getvalue() + "\n".join(below) + ("\n" if below else "")


def as_markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown, with the day and what else the machine did in the last column."""
    lines = [_line((*COLUMNS, "measured")), _line(["---"] * (len(COLUMNS) + 1))]
    lines += [_line((*cells(row), _when(row))) for row in rows]
    below = notes(rows)
    if below:
        lines += ["", *(f"- {_escaped(note)}" for note in below)]
    return "\n".join(lines) + "\n"


def _line(parts: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(part) for part in parts) + " |"


def _escaped(text: str) -> str:
    flat = " ".join(text.split())
    return flat.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_")


def _when(row: Row) -> str:
    if row.measured is None:
        return ""
    return f"{row.measured:%Y-%m-%d}, others {_share(row.others)}"


def _share(others: float | None) -> str:
    return "" if others is None else f"{100 * others:.0f} %"


def _beside(name: str, value: float | None, unit: str) -> str:
    """A peer or a limit: its figure, and what it is."""
    if value is None:
        return f"{name}: not measured" if name else ""
    shown = amount(value, unit)
    return f"{shown} ({name})" if name else shown


def _times(factor: float | None) -> str:
    if factor is None:
        return ""
    return f"{factor:.2g}×" if factor < 0.995 else f"{amount(factor, '')}×"
