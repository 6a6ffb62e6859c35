"""All runs of a folder on a line each, fast: of a run that ended, only what changed is read.

What was read is kept in `.index.json` beside the runs. It is never the truth: an entry counts only
while the files that it was made of have the same times and sizes, and a file that is missing,
damaged, of another version or not writable costs time alone.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field

from ptb_lite.errors import PtbLiteError
from ptb_lite.files import read_record, write_text
from ptb_lite.garbage import without_collection
from ptb_lite.record import Record
from ptb_lite.runs.folder import list_runs
from ptb_lite.runs.summary import RunSummary, summarise_run

FILE = ".index.json"
# Fewer are read as fast as an index of them.
_WORTH_KEEPING = 50
_STAMPED = ("spec.json", "status.json", "scores.json", "notes.json")


class Indexed(Record):
    """A run's summary and the times (ns) and sizes of the files that it was made of."""

    stamp: tuple[int, ...]
    summary: RunSummary


class Index(Record):
    version: Literal[1] = 1
    runs: dict[str, Indexed] = Field(default_factory=dict)


class RunIndex:
    """Reads the runs of a folder again and again."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = runs_dir
        self._known: dict[str, Indexed] | None = None

    def read(self) -> tuple[RunSummary, ...]:
        """Every run, oldest first. A damaged one is shown as such, never an error."""
        with without_collection():
            return self._read()

    def _read(self) -> tuple[RunSummary, ...]:
        try:
            runs = list_runs(self._runs_dir)
        except OSError:
            return ()
        before = self._load() if self._known is None else self._known
        known: dict[str, Indexed] = {}
        found = []
        for run in runs:
            stamp = _stamp(run.path)
            entry = before.get(run.run_id)
            if entry is None or entry.stamp != stamp:
                entry = Indexed.model_construct(stamp=stamp, summary=summarise_run(run))
            if entry.summary.ended:
                known[run.run_id] = entry
            found.append(entry.summary)
        if known != before and len(known) >= _WORTH_KEEPING:
            # Of a folder that somebody else may alone write, it is made anew each time.
            with suppress(OSError):
                write_text(self._runs_dir / FILE, Index(runs=known).model_dump_json())
        self._known = known
        return tuple(found)

    def _load(self) -> dict[str, Indexed]:
        try:
            found = read_record(self._runs_dir / FILE, Index).runs
        except (PtbLiteError, OSError):
            return {}
        folder = str(self._runs_dir.resolve())
        # Those of a folder that was moved with its index are read again.
        return {
            name: each for name, each in found.items() if each.summary.folder == f"{folder}/{name}"
        }


def _stamp(path: Path) -> tuple[int, ...]:
    found: list[int] = []
    for name in _STAMPED:
        try:
            seen = os.stat(f"{path}/{name}")  # noqa: PTH116 - of thousands, Path takes most
            found += (seen.st_mtime_ns, seen.st_size)
        except OSError:
            found += (0, 0)
    return tuple(found)
