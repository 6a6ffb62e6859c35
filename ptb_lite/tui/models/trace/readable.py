"""A run's whole trace as a text file that a pager can show: bounded memory, however long it is."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from ptb_lite.events import Event
from ptb_lite.runs.journal import JournalFollower
from ptb_lite.tui.models.run.fold import RunFold
from ptb_lite.tui.models.run.source import PIECE_BYTES
from ptb_lite.tui.models.trace.rows import MARKS


def write_readable(journal: Path, out: TextIO) -> None:
    """Every entry of the journal's trace, in turns, whole. Raises OSError."""
    follower = JournalFollower(journal)
    fold = RunFold()
    last = turn = 0
    while True:
        events = follower.poll(PIECE_BYTES)
        # In slices smaller than what a fold keeps, so that no entry is gone before it is written.
        for piece in _slices(events):
            fold.fold(piece)
            for entry in fold.trace.entries():
                if entry.number <= last:
                    continue
                last, time = entry.number, entry.time.astimezone()
                if entry.turn not in (0, turn):
                    turn = entry.turn
                    out.write(f"\nturn {turn} · {time:%Y-%m-%d %H:%M:%S}\n")
                mark = MARKS[entry.kind]
                body = entry.text.replace("\n", "\n" + " " * len(mark))
                out.write(f"{time:%H:%M:%S} {mark}{body}\n")
        if follower.at_end:
            return


def _slices(events: list[Event], size: int = 200) -> list[list[Event]]:
    return [events[at : at + size] for at in range(0, len(events), size)]
