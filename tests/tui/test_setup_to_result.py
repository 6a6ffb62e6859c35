"""The whole way with the embedded model: choose, start, watch, read the result."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from ptb_lite.events import Outcome
from ptb_lite.runs.folder import list_runs
from ptb_lite.sandbox import sandbox
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Place
from ptb_lite.tui.screens.result import ResultScreen
from ptb_lite.tui.screens.run import RunScreen
from tests.tui.run_pilot import until, until_shown

pytestmark = pytest.mark.slow


def test_from_setup_to_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = sandbox("bubblewrap").problem()
    if problem is not None:
        pytest.skip(f"bubblewrap cannot be used here: {problem}")
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "ptb-lite run --preset offline-demo", seconds=60)
        app.screen.query_one("#choose-budget_minutes", Input).value = "1 min"
        app.screen.query_one("#choose-limit", Input).value = "16"
        await until_shown(pilot, "--limit 16", "YES: this machine can run it", seconds=30)
        await pilot.pause(1.0)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), 60)
        await until_shown(pilot, "▶baseline", seconds=200)
        await until_shown(pilot, "left to recipe", "loss ", "tokens/s", seconds=200)
        await until_shown(pilot, "finished: ", "✓report", seconds=250)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ResultScreen))
        await until_shown(pilot, "Gain real?", "CLEAN", "zero-shot", "after, counted", "of 16, ")
        await pilot.press("3")
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 16)
        await pilot.press("h")
        await until(pilot, lambda: bool(list(tmp_path.glob("ptb-lite-*.html"))))

    async def go() -> None:
        app = PtbLiteApp(runs, Place("setup"))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await act(pilot, app)

    asyncio.run(go())
    (run,) = list_runs(runs)
    assert run.read_status().outcome is Outcome.FINISHED
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid
