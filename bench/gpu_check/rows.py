"""What a step of the check found: one row of the table each, kept as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

COLUMNS = ("step", "what", "figure", "peer", "ratio", "note")


@dataclass(frozen=True)
class Row:
    """`figure` is what was measured, `peer` what it is set beside, `ratio` how they relate."""

    step: str
    what: str
    figure: str
    peer: str = ""
    ratio: str = ""
    note: str = ""


def write_row(path: Path, row: Row) -> None:
    """Append a row and show it: a step that dies later keeps what it had found."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")
    print(" | ".join(asdict(row)[name] for name in COLUMNS), flush=True)


def read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def table(rows: Iterable[Row]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = (asdict(row)[name].replace("|", "/").replace("\n", " ") for name in COLUMNS)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
