"""The whole trace in the person's own pager, with the terminal handed over and taken back."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from ptb_lite.runs.folder import RunFolder
from ptb_lite.tui.models.trace.readable import write_readable


def write_trace(run: RunFolder) -> Path:
    """The run's trace as a text file for this person's eyes only. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=f"{run.run_id}-trace-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        write_readable(run.journal, out)
    return Path(name)


def show_in_pager(app: App[Any], path: Path) -> str:
    """Show a file and come back; the file is removed, unless it could not be shown.

    Returns what to tell the person, or nothing.
    """
    command = _pager()
    if command is None:
        return f"There is no pager (set PAGER); the trace is in {path}"
    try:
        with app.suspend():
            # `less` could start a shell, or write the file elsewhere: not from here.
            subprocess.run(
                [*command, str(path)], env={**os.environ, "LESSSECURE": "1"}, check=False
            )
    except (SuspendNotSupported, OSError):
        return f"The pager cannot be shown here; the trace is in {path}"
    path.unlink(missing_ok=True)
    app.refresh()
    return ""


def _pager() -> list[str] | None:
    chosen = shlex.split(os.environ.get("PAGER", "")) or ["less"]
    return chosen if shutil.which(chosen[0]) else None
