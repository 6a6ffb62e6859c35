"""The History screen, driven by keys: sort, filter, rank, compare, open."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from ptb_lite.events import Verdict
from ptb_lite.experiment.seeds import start_experiment
from ptb_lite.experiment.state import CellState
from ptb_lite.runs.folder import find_run, list_runs
from ptb_lite.runs.records import Notes
from ptb_lite.runs.summary import summarise_run
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Place
from ptb_lite.tui.screens.history import HistoryScreen
from ptb_lite.tui.screens.result import ResultScreen
from ptb_lite.tui.screens.run import RunScreen
from tests.tui.run_pilot import (
    agent_at_work,
    demo_copy,
    new_run,
    runner_at_work,
    shown,
    slowness,
    until,
    until_said,
    until_shown,
    write,
)
from tests.tui.test_run_screen import talk
from tests.unit.tui.folders import FLAG, begun_experiment, finished_run
from tests.unit.tui.journals import HOSTILE

FIRST, SECOND, THIRD = (f"2026010{day}-000000-abcd" for day in (1, 2, 3))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs: the middle one flagged, the last one of another agent."""
    folder = tmp_path / "runs"
    finished_run(folder, FIRST, raw=0.25)
    finished_run(
        folder, SECOND, raw=0.9, counted=0.04, verdict=Verdict.FLAGGED, flags=(FLAG,), seed=3
    )
    finished_run(folder, THIRD, raw=0.5, agent="prompt-only")
    return folder


def in_history(
    runs_dir: Path,
    act: Callable[[Pilot[None], PtbLiteApp], Awaitable[None]],
    size: tuple[int, int] = (160, 40),
) -> None:
    async def go() -> None:
        app = PtbLiteApp(runs_dir, Place("history"))
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: isinstance(app.screen, HistoryScreen))
            await act(pilot, app)

    asyncio.run(go())


def order(app: PtbLiteApp) -> list[str]:
    """The runs in the order in which they stand on the screen."""
    found = []
    for line in shown(app).splitlines():
        found += [run for run in (FIRST, SECOND, THIRD) if run in line]
    return found


def test_all_runs_newest_first(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST, "3 runs in", "FLAGGED", "prompt-only")
        assert order(app) == [THIRD, SECOND, FIRST]

    in_history(runs, act)


def test_sorting_by_key_and_by_heading(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST)
        await pilot.press("s")
        await until_shown(pilot, "COUNTED▼")
        assert order(app) == [THIRD, FIRST, SECOND]
        await pilot.press("S")
        await until_shown(pilot, "COUNTED▲")
        assert order(app) == [SECOND, FIRST, THIRD]
        line = next(i for i, text in enumerate(shown(app).splitlines()) if "COUNTED" in text)
        column = shown(app).splitlines()[line].index("RAW")
        await pilot.click(offset=(column + 1, line))
        await until_shown(pilot, "RAW▲")
        assert order(app) == [FIRST, THIRD, SECOND]

    in_history(runs, act)


def test_filtering(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST)
        await pilot.press("slash", *"flag")
        await until_shown(pilot, "1 of 3 runs")
        assert order(app) == [SECOND]
        await pilot.press("escape")
        await until_shown(pilot, "3 runs in")

    in_history(runs, act)


def test_leaderboards(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST)
        await pilot.press("l")
        await until_shown(pilot, "Leaderboard by counted score", "+40.0")
        assert order(app) == [THIRD, FIRST, SECOND]
        await pilot.press("l")
        await until_shown(pilot, "Leaderboard by raw score")
        assert order(app) == [SECOND, THIRD, FIRST]
        await pilot.press("l")
        await until_shown(pilot, "All runs: 3 runs")

    in_history(runs, act)


def test_comparing_marked_runs(runs: Path) -> None:
    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST)
        await pilot.press("c")
        await until_shown(pilot, "Mark two or more runs")
        await pilot.press("space", "down", "space")
        await until_shown(pilot, "2 marked")
        await pilot.press("c")
        await until_shown(
            pilot,
            "2 runs compared",
            "* average, counted",
            "violation: overlap test-data",
            "* agent",
        )
        await pilot.press("escape")
        await until_shown(pilot, "2 marked")

    in_history(runs, act)


def test_enter_opens_the_result_and_w_the_course(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ResultScreen))
        await until_shown(pilot, THIRD)
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))
        await pilot.press("down", "w")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await until_shown(pilot, SECOND)

    in_history(runs, act)


def test_a_run_without_scores_opens_its_course(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, run.run_id, "interrupted")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))

    in_history(tmp_path / "runs", act)


def test_a_run_that_is_deleted_meanwhile_is_said_to_be_gone(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST)
        shutil.rmtree(runs / THIRD)
        await pilot.press("enter")
        await until_shown(pilot, "its folder was deleted")
        await until_shown(pilot, "2 runs in")
        assert isinstance(app.screen, HistoryScreen)

    in_history(runs, act)


def test_a_new_run_appears_by_itself(runs: Path) -> None:
    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "3 runs in")
        finished_run(runs, "20260104-000000-abcd")
        await until_shown(pilot, "4 runs in", "20260104-000000-abcd")

    in_history(runs, act)


def test_no_runs_and_the_way_to_one(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "No runs in", "start one in Setup (F2)")
        await pilot.press("enter", "space", "c", "w", "s", "l", "y")
        await pilot.press("f3")
        await until_shown(pilot, "There is no run yet")

    in_history(tmp_path / "runs", act)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    finished_run(folder, FIRST, agent_model=HOSTILE[:150])
    second = finished_run(folder, SECOND)
    long = "x" * 1_000_000
    second.scores.write_text(second.scores.read_text().replace("as it is", long))
    second.audit.write_text(second.audit.read_text().replace("as it is", f"[red]{long}"))
    damaged = finished_run(folder, THIRD)
    damaged.spec.write_text("\x00" * 100)

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST, "[bold]x[/]")
        await pilot.press("space", "down", "space", "down", "space", "c")
        await until_shown(pilot, "3 runs compared", "[red]xxx")
        text = shown(app)
        assert "\x1b" not in text
        assert "\u202e" not in text

    in_history(folder, act, (200, 60))


def test_any_size(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "3 runs in")
        for width, height in ((200, 60), (20, 6), (100, 30), (1, 1), (80, 24)):
            await pilot.resize_terminal(width, height)
            await until(pilot, lambda height=height: len(shown(app).splitlines()) == height)
            if width >= 80:
                await until_shown(pilot, FIRST, "COUNTED", "VERDICT")

    in_history(runs, act)


def test_a_run_is_given_a_name_tags_and_a_note(runs: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, FIRST, "NOTE")
        await pilot.press("n")
        app.post_message(Paste("\n" + "best" * 20 + "\nmore"))
        await until_shown(pilot, "20 characters too many")
        await pilot.press("tab", *"a, #b", "tab", *"see", "enter")
        await until_shown(pilot, "bestbest", "#a #b see")
        await pilot.press("slash", *"see", "enter")
        await until(pilot, lambda: order(app) == [THIRD])
        await pilot.press("n", "escape")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))

    in_history(runs, act)
    name = "best" * 15
    assert find_run(runs, name).read_notes() == Notes(name=name, tags=("a", "b"), note="see")
    assert [summarise_run(run).name for run in list_runs(runs)] == ["", "", name]


def test_runs_are_compared_item_by_item_and_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = demo_copy(tmp_path / "runs")
    other = tmp_path / "runs" / THIRD
    shutil.copytree(run.path, other)
    (samples,) = (other / "evaluations" / "after").glob("*.samples.jsonl")
    first, *rest = samples.read_text().splitlines()
    changed = {
        **json.loads(first),
        "correct": not json.loads(first)["correct"],
        "extracted": "=1+1",
    }
    samples.write_text("\n".join([json.dumps(changed), *rest]))

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, THIRD)
        await pilot.press("space", "down", "space", "c")
        await until_shown(pilot, "2 runs compared", "150 items in common, 1 answered differently")
        await pilot.press("i")
        await until_shown(pilot, "=1+1")
        await pilot.press("x")
        await until_shown(pilot, "Written: ")

    in_history(run.path.parent, act)
    (written,) = tmp_path.glob("ptb-lite-compare-*.csv")
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert len(rows) == 150
    assert [row["item"] for row in rows if row["differs"] == "1"] == [changed["item_id"]]
    # A spreadsheet must not compute what a model wrote.
    assert "'=1+1" in rows[0].values()
    assert rows[0]["target"] == json.loads(first)["target"]


def test_the_wall_shows_runs_side_by_side_as_they_go_on(tmp_path: Path) -> None:
    run = demo_copy(tmp_path / "runs")
    going = new_run(run.path.parent, *agent_at_work(), *talk(1))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, run.run_id, going.run_id)
        await pilot.press("space", "down", "space", "v")
        await until_shown(pilot, "finished: clean", "left to codex", "result 0")
        write(going, *talk(1, 1))
        await until_shown(pilot, "result 1")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))

    with runner_at_work(going):
        in_history(run.path.parent, act)


def test_an_experiment_of_a_file_is_asked_about_and_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    plan = tmp_path / "mine.yaml"
    begun: list[Path] = []
    monkeypatch.setattr(
        "ptb_lite.tui.models.experiment.start_experiment", lambda file, _runs: begun.append(file)
    )

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        async def ask(said: str) -> None:
            assert isinstance(app.screen, HistoryScreen)
            app.screen.action_experiment()
            await until_shown(pilot, "one that comes with ptb-lite")
            app.screen.query_one(Input).value = str(plan)
            await pilot.press("enter")
            await until_said(pilot, said)

        await until_shown(pilot, "No runs in")
        await ask("there is no such file")
        plan.write_text("title: Mine\npreset: offline-demo\nseeds: [1, 1]\narms: {a: {}}\n")
        await ask("a seed is given twice")
        plan.write_text(
            "title: Mine\npreset: offline-demo\nseeds: [1, 2]\narms: {a: {}, b: {agent: codex}}\n"
        )
        await ask("Start 4 runs?")
        await pilot.press("y")
        await until_said(pilot, "Not started: arm b")
        assert not begun
        plan.write_text("title: Mine\npreset: offline-demo\nseeds: [1, 2]\narms: {a: {}}\n")
        await ask("1 arm, 2 seeds each")
        await pilot.press("y")
        await until(pilot, lambda: begun == [plan])

    in_history(runs, act)


def test_figures_of_experiments_are_drawn_and_follow_their_runs(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    finished_run(runs, "20260101-000000-aaaa", raw=0.25)
    later = "20260101-000000-bbbb"
    first = [CellState(arm="told[b]", seed=0, run_id="20260101-000000-aaaa")]
    begun_experiment(runs, "older", [*first, CellState(arm="untold", seed=0, run_id=later)])
    begun_experiment(runs, "newer", [CellState(arm="waiting", seed=0)])
    os.utime(runs / "experiments" / "older" / "plan.json", (1e9, 1e9))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "20260101-000000-aaaa")
        await pilot.press("e")
        await until_shown(pilot, "waiting", "f: figures")
        await pilot.press("f")
        await until_shown(pilot, "newer", "No run of it has ended yet.", "1 of 2")
        await pilot.press("right")
        # One run has no interval; a name is no markup.
        await until_shown(pilot, "older", "told[b] raw  25.0 (n = 1)", "2 of 2")
        assert "untold raw" not in shown(app)
        finished_run(runs, later, raw=0.5)
        await until_shown(pilot, "untold raw   50.0 (n = 1)")
        await pilot.press("left")
        await until_shown(pilot, "No run of it has ended yet.", "1 of 2")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, HistoryScreen))

    in_history(runs, act)


def test_what_an_experiment_says_lies_among_the_runs(tmp_path: Path) -> None:
    start_experiment(tmp_path / "gone.yaml", tmp_path / "runs")
    log = tmp_path / "runs" / "experiments" / "gone.log"
    deadline = time.monotonic() + 20 * slowness()
    while "there is no such file" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
