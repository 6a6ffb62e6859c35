"""SVG snapshots: what a screen looked like when somebody last looked at it.

`PTB_LITE_UPDATE_SNAPSHOTS=1` writes them anew; look at them before they are committed. Rich
numbers its classes by content, so the SVG's own ids are made neutral first.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from textual.pilot import Pilot

from ptb_lite.tui.app import PtbLiteApp
from tests.tui.run_pilot import slowness

FOLDER = Path(__file__).parent / "snapshots"
UPDATE = "PTB_LITE_UPDATE_SNAPSHOTS"
SECONDS = 8.0
SETTLED_SECONDS = 2.0


def svg_of(app: PtbLiteApp) -> str:
    """The screen as SVG, the same on every machine."""
    drawn = app.export_screenshot(title="ptb-lite", simplify=True)
    neutral = re.sub(r"terminal-\d+", "terminal", drawn)
    fonts = re.sub(r"@font-face\s*\{.*?\}", "", neutral, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in fonts.splitlines() if line.strip()) + "\n"


async def assert_snapshot(pilot: Pilot[None], app: PtbLiteApp, name: str, seen: Path) -> None:
    """The screen comes to look as in the file `name`.svg; else what it looks like is put into
    `seen`. A busy machine draws late, so it may take its time."""
    path = FOLDER / f"{name}.svg"
    if os.environ.get(UPDATE):
        await pilot.pause(SETTLED_SECONDS)
        FOLDER.mkdir(exist_ok=True)
        path.write_text(svg_of(app), encoding="utf-8")
        return
    expected = path.read_text(encoding="utf-8") if path.exists() else None
    began = time.monotonic()
    while (drawn := svg_of(app)) != expected:
        if time.monotonic() - began > SECONDS * slowness():
            (seen / f"{name}.svg").write_text(drawn, encoding="utf-8")
            raise AssertionError(
                f"{name} does not look as before: compare {seen / f'{name}.svg'} with {path}; "
                f"if it is meant, run again with {UPDATE}=1"
            )
        await pilot.pause(0.1)
