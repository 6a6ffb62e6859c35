"""Run and Result in three sizes, pixel for pixel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Footer

from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.models.run.source import ReplaySource
from ptb_lite.tui.place import Mode, Place
from ptb_lite.tui.screens import run as run_screen
from ptb_lite.tui.screens.dialogs import AskScreen, FlagScreen
from tests.tui.lively import lively_run
from tests.tui.run_pilot import Act, demo_copy, until, until_shown
from tests.tui.snapshots import assert_snapshot
from tests.unit.report.test_report import make_run

SIZES = ((80, 24), (100, 30), (160, 45))


@pytest.fixture(autouse=True)
def the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def frozen(run: RunFolder, speed: float) -> ReplaySource:
    """The run at the moment of its last event, where its clock stands still."""
    events = read_journal(run.journal).events
    seconds = [0.0]
    source = ReplaySource(events, speed, clock=lambda: seconds[0])
    seconds[0] = 1e9
    return source


async def told(pilot: Pilot[None], app: PtbLiteApp) -> None:
    """The curve comes with the last thing that the screen's worker tells."""
    await until(pilot, lambda: bool(app.screen.query("LossPlot")))
    await pilot.pause(run_screen.TICK_SECONDS)


async def at_work(pilot: Pilot[None], app: PtbLiteApp) -> None:
    await until_shown(pilot, "step 110", "left to codex")
    await told(pilot, app)


async def without_keys(pilot: Pilot[None], app: PtbLiteApp) -> None:
    """Below a dialog the footer's keys change at their own time."""
    await at_work(pilot, app)
    app.screen.query_one(Footer).display = False


async def stopping(pilot: Pilot[None], app: PtbLiteApp) -> None:
    await without_keys(pilot, app)
    app.push_screen(AskScreen("Stop this run?", "What is kept.", yes="Stop it", no="Let it go on"))
    await until_shown(pilot, "Stop this run?")


async def evidence(pilot: Pilot[None], app: PtbLiteApp) -> None:
    await without_keys(pilot, app)
    await pilot.press("x", "enter")
    await until(pilot, lambda: isinstance(app.screen, FlagScreen))


async def ended(pilot: Pilot[None], app: PtbLiteApp) -> None:
    await until_shown(pilot, "finished: clean", "run finished", "0.346")
    await told(pilot, app)


async def scores(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(pilot, "CLEAN", "27.3 %", "against few-shot")


async def samples(pilot: Pilot[None], app: PtbLiteApp) -> None:
    await scores(pilot, app)
    await pilot.press("3", "c")
    await until_shown(pilot, "changed items", "+ gained")


async def flags(pilot: Pilot[None], _app: PtbLiteApp) -> None:
    await until_shown(pilot, "FLAGGED")
    await pilot.press("2")
    await until_shown(pilot, "test item t7")


# Name: what is shown, the speed of a replay, what to do first.
SCREENS: dict[str, tuple[Mode, str, float | None, Act]] = {
    "run": ("run", "lively", 20, at_work),
    "run-ended": ("run", "demo", None, ended),
    "run-stop": ("run", "lively", 20, stopping),
    "run-evidence": ("run", "lively", 20, evidence),
    "result": ("result", "demo", None, scores),
    "result-samples": ("result", "demo", None, samples),
    "result-flags": ("result", "flagged", None, flags),
}
ALL_SIZES = ("run", "result")


def run_of(kind: str, folder: Path) -> RunFolder:
    if kind == "demo":
        return demo_copy(folder)
    if kind == "lively":
        return lively_run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return make_run(folder)


@pytest.mark.parametrize("name", SCREENS)
def test_it_looks_as_before(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mode, kind, speed, act = SCREENS[name]
    run = run_of(kind, tmp_path / "runs")
    monkeypatch.setattr(run_screen, "recorded_source", frozen)

    async def go() -> None:
        app = PtbLiteApp(run.path.parent, Place(mode, run.path, speed))
        app.theme = "dark"
        app.animation_level = "none"
        async with app.run_test(size=SIZES[0]) as pilot:
            await act(pilot, app)
            for size in SIZES if name in ALL_SIZES else SIZES[:1]:
                await pilot.resize_terminal(*size)
                # The panels learn of a new width with the next tick of the clock.
                await pilot.pause(run_screen.TICK_SECONDS + 0.3)
                await assert_snapshot(pilot, app, f"{name}-{size[0]}x{size[1]}-dark", tmp_path)

    asyncio.run(go())
