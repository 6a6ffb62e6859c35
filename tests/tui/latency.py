"""How long a key press waits for its answer while a run floods its journal."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from textual import events
from textual.pilot import Pilot

from ptb_lite.events import Warned
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.widgets.trace_view import TraceView
from tests.tui.flood import flood
from tests.tui.run_pilot import in_app, new_run, runner_at_work, until


def key_latencies(folder: Path, presses: int) -> tuple[list[float], int]:
    """Seconds from each key to its effect, and the events that were folded meanwhile."""
    run = new_run(folder, Warned(message="begins"))
    waits: list[float] = []
    folded = 0

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        nonlocal folded
        view = app.screen.query_one(TraceView)

        def total() -> int:
            return getattr(app.screen, "shot", None).events  # type: ignore[union-attr]

        await until(pilot, lambda: len(view.entries) > 1000)
        first = total()
        for _ in range(presses):
            await asyncio.sleep(0.05)
            before = view.following
            begun = time.perf_counter()
            # Home goes to the first entry and holds, End follows again: both lay out and paint.
            app.post_message(events.Key("home" if before else "end", None))
            while view.following is before:
                await asyncio.sleep(0)
                assert time.perf_counter() - begun < 30
            waits.append(time.perf_counter() - begun)
        folded = total() - first

    with runner_at_work(run), flood(run.journal, 120):
        in_app(run, act)
    return sorted(waits), folded
