"""Runs on disk for the Run and Result screens' tests, and a look at what is on the screen."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from textual.pilot import Pilot

from ptb_lite.events import AgentStarted, Phase, PhaseStarted, Record
from ptb_lite.files import write_record
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter
from ptb_lite.runs.records import Status
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Mode, Place

RUN_ID = "20260101-000000-abcd"
Act = Callable[[Pilot[None], PtbLiteApp], Awaitable[None]]


def agent_at_work(minutes: float = 10) -> list[Record]:
    deadline = datetime.now(UTC) + timedelta(minutes=minutes)
    return [
        PhaseStarted(phase=Phase.AGENT),
        AgentStarted(
            backend="codex", sandbox="bubblewrap", budget_seconds=minutes * 60, deadline=deadline
        ),
    ]


def new_run(folder: Path, *payloads: Record) -> RunFolder:
    """A run's folder with a journal of these events."""
    run = RunFolder(folder / RUN_ID)
    run.path.mkdir(parents=True)
    spec = RunSpec(benchmarks=("add-numbers",), budget_minutes=3, item_salt="salt")
    write_record(run.spec, spec)
    started = datetime(2026, 1, 1, tzinfo=UTC)
    write_record(run.status, Status(run_id=RUN_ID, started=started))
    write(run, *payloads)
    return run


def write(run: RunFolder, *payloads: Record) -> None:
    """Append events to the run's journal."""
    writer = JournalWriter(run.journal)
    for payload in payloads:
        writer.write(payload)
    writer.close()


def demo_copy(folder: Path) -> RunFolder:
    """The recorded demo as a run of its own."""
    run = RunFolder(folder / "20261123-153201-3cc1")
    shutil.copytree(recorded_demo().path, run.path)
    return run


@contextmanager
def runner_at_work(run: RunFolder) -> Iterator[None]:
    """Holds the run's lock, as its runner would."""
    lock = os.open(run.lock, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


def in_app(
    run: RunFolder,
    act: Act,
    *,
    mode: Mode = "run",
    speed: float | None = None,
    size: tuple[int, int] = (120, 40),
    theme: str = "dark",
) -> None:
    """Open the app on a run and let `act` use it."""

    async def go() -> None:
        app = PtbLiteApp(run.path.parent, Place(mode, run.path, speed))
        app.theme = theme
        async with app.run_test(size=size, notifications=True) as pilot:
            await act(pilot, app)

    asyncio.run(go())


def shown(app: PtbLiteApp) -> str:
    """What is on the screen, line by line."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def slowness() -> float:
    """How many times longer than alone a wait may take on this machine, as busy as it is."""
    return min(10.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Let the app go on until `condition` holds; fails with the screen's text."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > seconds * slowness():
            app = pilot.app
            assert isinstance(app, PtbLiteApp)
            raise AssertionError(f"not within {waited:.0f} s on this screen:\n{shown(app)}")
        await pilot.pause(0.02)


async def until_shown(pilot: Pilot[None], *texts: str, seconds: float = 10.0) -> None:
    """Let the app go on until all `texts` are on the screen."""
    app = pilot.app
    assert isinstance(app, PtbLiteApp)
    await until(pilot, lambda: all(text in shown(app) for text in texts), seconds)
