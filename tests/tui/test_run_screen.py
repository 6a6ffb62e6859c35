"""The Run screen, driven by keys and mouse, on journals that the runner's own writer wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from ptb_lite.events import (
    AgentEventKind,
    Flag,
    FlagRaised,
    Outcome,
    Record,
    RunFinished,
    Warned,
)
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.screens.dialogs import FlagScreen
from ptb_lite.tui.screens.result import ResultScreen
from ptb_lite.tui.screens.run import RunScreen
from ptb_lite.tui.widgets.trace_view import TraceView
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
from tests.unit.tui.journals import HOSTILE, said


def talk(count: int, start: int = 0) -> list[Record]:
    """Turns of three entries: what it says, does and gets."""
    found: list[Record] = []
    for number in range(start, start + count):
        found += [
            said(AgentEventKind.MESSAGE, f"thought number {number}"),
            said(AgentEventKind.TOOL_CALL, f"command number {number}"),
            said(AgentEventKind.TOOL_RESULT, f"result {number}\n" * 30),
        ]
    return found


def trace(app: PtbLiteApp) -> TraceView:
    return app.screen.query_one(TraceView)


def test_a_run_that_ended_while_nobody_watched_shows_its_end(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "finished: clean", "run finished", "loss 0.346", "no GPU")
        assert "✓report" in shown(app)
        assert "Flags: none" in shown(app)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ResultScreen))

    in_app(demo_copy(tmp_path), act)


def test_a_live_run_is_followed_held_and_followed_again(tmp_path: Path) -> None:
    run = new_run(tmp_path, *agent_at_work(), *talk(30))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "command number 29", "left to codex", "following")
        write(run, *talk(1, 30))
        await until_shown(pilot, "command number 30")
        await pilot.press("pageup")
        await until_shown(pilot, "held, 0 new below")
        before = shown(app)
        write(run, *talk(2, 31))
        await until_shown(pilot, "held, 6 new below")
        assert "command number 32" not in shown(app)
        assert re.findall("command number [0-9]+", shown(app)) == re.findall(
            "command number [0-9]+", before
        )
        await pilot.press("end")
        await until_shown(pilot, "command number 32", "following")

    with runner_at_work(run):
        in_app(run, act)


def test_results_unfold_and_an_entry_is_copied(tmp_path: Path) -> None:
    run = new_run(tmp_path, *talk(2), said(AgentEventKind.TOOL_RESULT, "short"))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "> short", "[+] 30 lines: result 1")
        await pilot.press("up", "up", "enter")
        assert shown(app).count("result 1") > 5
        assert "[+] 30 lines: result 1" not in shown(app)
        await pilot.press("y")
        assert app.clipboard == "\n".join(["result 1"] * 30)
        await pilot.press("enter")
        assert "[+] 30 lines: result 1" in shown(app)

    in_app(run, act)


def test_the_trace_is_searched_both_ways(tmp_path: Path) -> None:
    run = new_run(tmp_path, *talk(40))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "thought number 39")
        await pilot.press("slash", *"NUMBER 1", "enter")
        await until_shown(pilot, "of 22 with “NUMBER 1”", "thought number 19")
        current = trace(app).current
        assert current is not None
        assert current.text == "command number 19"
        await pilot.press("N")
        assert trace(app).current.text == "thought number 19"
        await pilot.press("n")
        assert trace(app).current.text == "command number 19"
        await pilot.press("slash", *"NUMBER 1", "escape")
        assert trace(app).has_focus
        await pilot.press("slash")
        await pilot.press("ctrl+u", *"nowhere", "enter")
        await until_shown(pilot, "nothing has “nowhere”")

    in_app(run, act)


def test_text_is_selected_with_the_mouse_and_copied(tmp_path: Path) -> None:
    run = new_run(tmp_path, said(AgentEventKind.MESSAGE, "select these words here"))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "select these words here")
        view = trace(app)
        # One border, one gutter, two of the mark: "these" begins at cell 7 of the text.
        await pilot.mouse_down(view, offset=(11, 2))
        await pilot.hover(view, offset=(16, 2))
        await pilot.mouse_up(view, offset=(16, 2))
        await pilot.pause()
        selected = app.screen.get_selected_text()
        assert selected is not None
        assert selected.strip() == "these"
        await pilot.press("y")
        assert app.clipboard == selected

    in_app(run, act)


def test_flags_appear_as_they_come_and_open_their_evidence(tmp_path: Path) -> None:
    flag = Flag(
        detector="overlap", kind="test-item", message="a test item stands in the data",
        file="train.jsonl", line=12, excerpt="57 + 87 = 144", item_id="t7", item_text="57 + 87 = ?",
    )  # fmt: skip
    run = new_run(tmp_path, *agent_at_work())

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "Flags: none so far")
        write(run, FlagRaised(flag=flag, live=True))
        await until_shown(pilot, "Flags: 1 violation", "V overlap")
        await pilot.press("x", "enter")
        await until(pilot, lambda: isinstance(app.screen, FlagScreen))
        await until_shown(
            pilot, "violation overlap/test-item", "train.jsonl:12", "57 + 87 = 144",
            "test item t7", "57 + 87 = ?", "the verdict is flagged, seen while the agent",
        )  # fmt: skip
        await pilot.press("y")
        assert "57 + 87 = 144" in app.clipboard
        await pilot.press("escape")
        assert isinstance(app.screen, RunScreen)

    with runner_at_work(run):
        in_app(run, act)


def test_hostile_text_reaches_no_cell_of_the_screen(tmp_path: Path) -> None:
    flag = Flag(
        detector=HOSTILE, kind=HOSTILE, message=HOSTILE, file=HOSTILE, excerpt=HOSTILE,
        item_id=HOSTILE, item_text=HOSTILE,
    )  # fmt: skip
    megabyte = said(AgentEventKind.MESSAGE, ("[/red]" + HOSTILE) * 20_000)
    run = new_run(
        tmp_path,
        *(said(kind, HOSTILE) for kind in AgentEventKind),
        FlagRaised(flag=flag),
        Warned(message=HOSTILE),
        RunFinished(outcome=Outcome.FAILED, detail=HOSTILE),
    )
    with run.journal.open("ab") as stream:
        # Longer than any line that is read: it is left out, and what follows is not.
        stream.write(b'{"x":"' + b"y" * (3 << 20) + b'"}\n')
    write(run, megabyte, Warned(message="the last word"))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "the last word")
        await pilot.press("home")
        assert all(char.isprintable() or char == "\n" for char in shown(app))
        assert "漢字" in shown(app)
        await pilot.press("x", "enter")
        await until(pilot, lambda: isinstance(app.screen, FlagScreen))
        assert all(char.isprintable() or char == "\n" for char in shown(app))
        assert "[bold]x[/]" in shown(app)

    in_app(run, act)


def test_a_filter_shows_a_part_and_flags_alike_are_one(tmp_path: Path) -> None:
    alike = [
        Flag(
            detector="overlap", kind="x", message=f"test item {number} is hidden",
            file="augment.py", line=number, similarity=number / 100,
        )
        for number in range(1, 100)
    ]  # fmt: skip
    run = new_run(
        tmp_path, *agent_at_work(), *talk(30), *(FlagRaised(flag=flag) for flag in alike), *talk(2)
    )

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "Flags: 99 violations", "V overlap ×99 augment.py:99")
        await until_shown(pilot, "Violations 99", "Submitted NOTHING YET", "codex")
        await pilot.press("exclamation_mark")
        await until_shown(pilot, "is hidden", "10 flags overlap/x")
        assert "agent began" not in shown(app)
        assert "thought number" not in shown(app)
        assert "⚑ violation overlap/x" in shown(app)
        await pilot.press("h")
        await until_shown(pilot, "agent began", "is hidden")
        assert "command number" not in shown(app)
        await pilot.press("g")
        await until_shown(pilot, "command number 1")
        assert "⚑" not in shown(app)
        # What comes is filtered, too, and so is what the cursor walks over.
        write(run, Warned(message="of the host"), *talk(1, 70))
        await until_shown(pilot, "command number 70")
        assert "of the host" not in shown(app)
        await pilot.press("up", "up", "up", "up")
        assert trace(app).current.text == "result 1\n" * 29 + "result 1"
        await pilot.press("a")
        await until_shown(pilot, "of the host")

    with runner_at_work(run):
        in_app(run, act)


def test_the_smallest_screen_shows_panels_instead_of_the_trace(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "finished: clean", "step 183/183 loss 0.346")
        assert "Training" not in shown(app)
        await pilot.press("p")
        await until_shown(pilot, "Training", "step 183 of 183", "Machine")
        assert "run finished" not in shown(app)
        await pilot.press("p")
        await until_shown(pilot, "run finished")

    in_app(demo_copy(tmp_path), act, size=(80, 24))


def test_it_can_be_resized_at_any_time(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "run finished")
        for size in ((200, 60), (80, 24), (40, 10), (20, 5), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await until_shown(pilot, "run finished", "Training")

    in_app(demo_copy(tmp_path), act)


def test_the_whole_trace_goes_to_the_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    run = new_run(tmp_path / "runs", *talk(900))

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "thought number 899", "700 earlier lines in the pager")
        await pilot.press("o")
        # A test's terminal cannot be handed over: the file stays, and its place is said.
        await until_shown(pilot, "the trace is in")
        (written,) = tmp_path.glob("*-trace-*.txt")
        text = written.read_text()
        assert text.count("thought number") == 900
        assert "thought number 0\n" in text
        assert oct(written.stat().st_mode & 0o777) == "0o600"

    in_app(run, act)


def test_a_replay_is_held_hastened_and_ends(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "replayed ×20")
        await pilot.press("space")
        await until_shown(pilot, "held (space goes on)")
        await pilot.press("s")
        assert isinstance(app.screen, RunScreen)
        await pilot.press("space", *["plus"] * 9)
        await until_shown(pilot, "replayed ×500", "finished: clean", "run finished")

    in_app(demo_copy(tmp_path), act, speed=20)


def test_an_empty_recording_is_said(tmp_path: Path) -> None:
    run = new_run(tmp_path)

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "This run cannot be shown", "nothing can be played")

    in_app(run, act, speed=20)


def test_entering_the_flags_of_a_run_without_any_does_nothing(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "finished: clean")
        await pilot.press("x", "enter", "down")
        assert app.screen.query_one("#flags", OptionList).has_focus
        await pilot.press("exclamation_mark")
        await until_shown(pilot, "nothing of this kind so far, a shows all")
        await pilot.press("a")
        await until_shown(pilot, "run finished")
        assert "of this kind" not in shown(app)

    in_app(demo_copy(tmp_path), act)


def test_a_mistake_of_ours_is_said_and_does_not_pass_for_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("events of the wrong kind")

    monkeypatch.setattr("ptb_lite.tui.models.run.fold.RunFold.fold", broken)

    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "This is a bug of ptb-lite: TypeError: events of the wrong kind")

    in_app(demo_copy(tmp_path), act)
