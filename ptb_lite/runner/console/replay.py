"""Playing a recorded run again, as plain lines, and the recording that ships with the package."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.runner.console.lines import PlainLines
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal

DEMO = "demo"


def recorded_demo() -> RunFolder:
    """The recorded run of the preset offline-demo."""
    return RunFolder(Path(__file__).parent / "recorded" / DEMO)


def play(
    run: RunFolder,
    speed: float,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Say the run's lines at the pace at which it went, times `speed`.

    Raises PtbLiteError when its journal holds nothing.
    """
    events = read_journal(run.journal).events
    if not events:
        raise PtbLiteError("has an empty journal: nothing can be played", field=run.run_id)
    lines = PlainLines()
    before = events[0].time
    for event in events:
        pause = (event.time - before).total_seconds() / speed
        if pause > 0:
            sleep(pause)
            before = event.time
        for line in lines.of(event):
            say(line)
