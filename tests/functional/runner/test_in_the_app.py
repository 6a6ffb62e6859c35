"""Real runs watched and stopped in the app, from their first event to their result."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from ptb_lite.events import DeviceSampled, Outcome
from ptb_lite.runner import device_watch
from ptb_lite.runs.journal import read_journal
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.screens.result import ResultScreen
from tests.functional.runner.conftest import Bench
from tests.tui.run_pilot import in_app, until, until_shown

# A run of seconds has to wait for a sample of the machine.
WAITS = f"import time; time.sleep({1.3 * device_watch.EVERY_SECONDS})"


def test_a_real_run_is_watched_from_its_first_event_to_its_result(bench: Bench) -> None:
    code = f"print('I look at the data', flush=True)\n{WAITS}\nsubmit(); print('submitted')"
    bench.measure_baselines()  # which gives the app the time to be left and opened again
    run = bench.start(code)

    async def look(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "baseline", "prepare finished", seconds=60)
        await pilot.press("ctrl+q")

    in_app(run, look)
    # The app was left; the run goes on, and shows itself again from its beginning.
    assert run.runner_lives()

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "▶agent", "I look at the data", "left to agent-0", seconds=120)
        await until_shown(pilot, "memory ", "CPU ", seconds=60)
        await until_shown(pilot, "finished: clean", "submitted", "✓report", seconds=120)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ResultScreen))
        await until_shown(pilot, "CLEAN", "after, counted")
        await pilot.press("3")
        await until(pilot, lambda: app.screen.query_one(DataTable).row_count == 4)

    in_app(run, act)
    events = [event.payload for event in read_journal(run.journal).events]
    samples = [payload for payload in events if isinstance(payload, DeviceSampled)]
    assert samples
    assert all(sample.memory_total for sample in samples)


@pytest.mark.slow  # a stop is in test_foreground, the keys in tests/tui
def test_stopping_a_real_run_keeps_what_was_handed_in(bench: Bench) -> None:
    run = bench.start(
        "submit(); print('handed in', flush=True)\nimport time\ntime.sleep(300)", minutes=5.0
    )

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "handed in", "s Stop", seconds=120)
        await pilot.press("s", "y")
        await until_shown(pilot, "the agent is being ended", seconds=30)
        await until_shown(pilot, "agent stopped after", "finished: clean", seconds=120)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ResultScreen))
        await until_shown(pilot, "after, counted", "of 4, ")

    in_app(run, act)
    bench.finish(run)
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid
    assert scores.time.agent_outcome is Outcome.STOPPED


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
