"""The Run screen of runs that are stopped, end badly, or cannot be read any more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from textual.pilot import Pilot

from ptb_lite.events import (
    DeviceSampled,
    Outcome,
    RunFinished,
    Warned,
)
from ptb_lite.files import write_record
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.screens.dialogs import AskScreen
from ptb_lite.tui.screens.run import RunScreen
from tests.tui.run_pilot import (
    agent_at_work,
    demo_copy,
    in_app,
    new_run,
    runner_at_work,
    shown,
    until,
    until_shown,
    write,
)


def test_stopping_asks_once_and_says_what_is_kept(tmp_path: Path) -> None:
    run = new_run(tmp_path, *agent_at_work())

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "left to codex")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, AskScreen))
        await until_shown(pilot, "NOTHING has been submitted yet", "Let it go on")
        # Enter is on the button that changes nothing.
        await pilot.press("enter")
        assert isinstance(app.screen, RunScreen)
        await pilot.press("s", "y")
        # This run's runner is only a lock here: the stop finds no process, and that is said.
        await until_shown(pilot, "is not running")

    with runner_at_work(run):
        in_app(run, act)


def test_an_ended_run_offers_no_stop(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "finished: clean")
        await pilot.press("s")
        assert isinstance(app.screen, RunScreen)
        assert "s Stop" not in shown(app)
        assert "r Result" in shown(app)

    in_app(demo_copy(tmp_path), act)


def test_a_runner_that_died_is_said_with_the_way_on(tmp_path: Path) -> None:
    run = new_run(tmp_path, *agent_at_work())

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "Its runner ended without a word", f"ptb-lite resume {run.run_id}")

    in_app(run, act)


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    end = RunFinished(outcome=Outcome.FAILED, detail="seal: No space left on device")
    run = new_run(tmp_path, *agent_at_work(), end)

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "failed: seal: No space left on device", "resume")

    in_app(run, act)


def test_a_folder_deleted_while_open_is_said(tmp_path: Path) -> None:
    run = new_run(tmp_path, *agent_at_work())

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "agent began")
        shutil.rmtree(run.path)
        await until_shown(pilot, "folder is gone")
        await pilot.press("o", "r", "y", "x", "p")
        await pilot.pause(0.2)
        assert isinstance(app.screen, RunScreen)

    in_app(run, act)


def test_a_journal_of_a_newer_version_is_shown_as_far_as_it_is_known(tmp_path: Path) -> None:
    run = new_run(tmp_path, Warned(message="known"))
    with run.journal.open("a") as stream:
        stream.write('{"version":2,"seq":2,"time":"2030-01-01T00:00:00Z","payload":{"a":1}}\n')
        stream.write("damage\n")

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "warning: known", "1 event of a newer ptb-lite left out",
                          "1 damaged line of")  # fmt: skip

    in_app(run, act)


def test_a_lost_gpu_is_said(tmp_path: Path) -> None:
    gpu = DeviceSampled(cpu=0.5, gpu=0.5, gpu_memory_used=10**9, gpu_memory_total=10**10)
    run = new_run(tmp_path, gpu)

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "GPU memory 1.0 of 10.0 GB")
        write(run, DeviceSampled(cpu=0.5))
        await until_shown(pilot, "GPU lost")

    with runner_at_work(run):
        in_app(run, act)


def test_the_end_of_a_run_is_told_on_any_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = demo_copy(tmp_path)
    ended = run.read_status()
    write_record(run.status, ended.model_copy(update={"state": "started", "outcome": None}))
    rung: list[bool] = []
    monkeypatch.setattr(PtbLiteApp, "bell", lambda _app: rung.append(True))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        with runner_at_work(run):
            await until_shown(pilot, "Run ▶1", "running")
            assert not rung
            write_record(run.status, ended)
        await until_shown(pilot, f"{run.run_id} finished, counted 27.3 %, clean")
        assert rung == [True]
        assert "▶1" not in shown(app)

    in_app(run, act, mode="history")


def test_a_run_is_continued_and_replayed_by_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    continued: list[Path] = []
    monkeypatch.setattr("ptb_lite.runner.launch.resume", continued.append)
    run = demo_copy(tmp_path)
    whole = run.journal.read_bytes()
    run.journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "Its runner ended without a word", "c Continue")
        await pilot.press("c")
        await until(pilot, lambda: continued == [run.path])
        run.journal.write_bytes(whole)
        await until_shown(pilot, "finished: clean")
        await pilot.press("c", "z")
        await until_shown(pilot, "replayed ×20")
        assert len(continued) == 1

    in_app(run, act)
