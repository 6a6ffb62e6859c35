"""The Setup screen, driven by keys: choose, see what it takes, save, start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select

from ptb_lite.runs.folder import list_runs
from ptb_lite.spec.presets import load_preset
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Place
from ptb_lite.tui.screens.run import RunScreen
from ptb_lite.tui.screens.setup import SetupScreen
from tests.tui.run_pilot import shown, until, until_shown

READY = "YES: this machine can run it"


def in_setup(
    runs_dir: Path,
    act: Callable[[Pilot[None], PtbLiteApp], Awaitable[None]],
    size: tuple[int, int] = (140, 50),
) -> None:
    async def go() -> None:
        app = PtbLiteApp(runs_dir, Place("setup"))
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: isinstance(app.screen, SetupScreen))
            await act(pilot, app)

    asyncio.run(go())


def started(app: PtbLiteApp) -> Button:
    return app.screen.query_one("#start", Button)


async def settled(pilot: Pilot[None]) -> None:
    """Catalogue and machine are known, and the choices have been checked."""
    app = pilot.app
    await until(
        pilot,
        lambda: (
            bool(app.screen.query("#choose-preset"))
            and app.screen.query_one("#choose-preset", Select).value == "offline-demo"
        ),
    )


def test_it_begins_with_a_run_that_this_machine_can_start(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY, "ptb-lite run --preset offline-demo")
        assert not started(app).disabled
        text = shown(app)
        assert "(•)  gemma-3-270m-embedded" in text
        assert "[x]  add-numbers" in text
        await until_shown(pilot, "Shows gains ≥ 12 points", "(guess)")

    in_setup(tmp_path, act)


def test_space_chooses_and_tab_goes_on(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await settled(pilot)
        await pilot.press("down", "space")
        await until_shown(pilot, "(•)  qwen3-0.6b-base", "--model qwen3-0.6b-base")
        await pilot.press("tab", "down", "space")
        await until_shown(pilot, "(•)  prompt-only", "--agent prompt-only")
        await pilot.press("tab", "down", "space")
        await until_shown(pilot, "--benchmark add-numbers --benchmark kinship")
        await pilot.press("up", "space")
        await until_shown(pilot, "[ ]  add-numbers", "[x]  kinship")

    in_setup(tmp_path, act)


def test_a_click_chooses_too(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await settled(pilot)
        await pilot.click("#agents", offset=(6, 2))
        await until_shown(pilot, "--agent prompt-only")

    in_setup(tmp_path, act)


def test_a_key_does_what_mends_and_the_red_team_is_folded_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY, "▸ red team (6)")
        assert "cheat-tamper" not in shown(app)
        # Hopeless on these cores, and nowhere to be had: said in the list and on top.
        await pilot.press("down", "down", "down", "space")
        await until_shown(pilot, "NO: 1 thing in the way", "f take gemma-3-270m-embedded")
        row = next(line for line in shown(app).splitlines() if "qwen3-4b-base" in line)
        assert "10.0    no" in row
        await pilot.press("f")
        await until_shown(pilot, READY, "(•)  gemma-3-270m-em")
        await pilot.press("tab", "end", "space")
        await until_shown(pilot, "▾ red team (6)", "cheat-tamper")
        assert "--agent" not in shown(app)
        app.screen.query_one("#choose-policy", Select).focus()
        await until_shown(pilot, "Policy  What a violation does")
        await pilot.press("f1")
        await until_shown(pilot, "Setup: help", "Policy: What a violation does")

    in_setup(tmp_path, act, (80, 24))


def test_nothing_chosen_keeps_start_shut_and_says_why(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        app.screen.query_one("#benchmarks").focus()
        await pilot.press("home", "space")
        await until_shown(pilot, "Benchmarks: none is chosen")
        assert started(app).disabled
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert not list_runs(tmp_path)

    # Without a preset no benchmarks are left to fall back on.
    async def bare(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await settled(pilot)
        app.screen.query_one("#choose-preset", Select).value = ""
        await act(pilot, app)

    in_setup(tmp_path, bare)


def test_what_is_typed_is_checked_at_once(tmp_path: Path) -> None:
    cases = (
        ("budget_minutes", "soon", "4 min", "not a length of time"),
        ("limit", "9999", "150", "more than the 500"),
        ("limit", "[bold]x[/]", "150", "is not a whole number"),
        ("seed", "-1", "0", "is not a whole number"),
        ("agent_model", "\u202eevil\x1b[31m" + "界" * 50, "", READY),
    )

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        for field, typed, good, reason in cases:
            app.screen.query_one(f"#choose-{field}", Input).value = typed
            await until_shown(pilot, reason)
            assert started(app).disabled is (reason != READY)
            assert "\x1b" not in shown(app)
            assert "\u202e" not in shown(app)
            app.screen.query_one(f"#choose-{field}", Input).value = good
            await until_shown(pilot, READY)

    in_setup(tmp_path, act)


def test_an_agent_that_is_not_installed_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        app.screen.query_one("#choose-network", Select).value = "full"
        app.screen.query_one("#agents").focus()
        await pilot.press("home", "down", "down", "down", "space")
        await until_shown(pilot, "the program 'claude' is not installed", "npm install")
        assert started(app).disabled

    in_setup(tmp_path, act)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "cannot be written")
        assert started(app).disabled

    in_setup(tmp_path / "file" / "runs", act)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The one thing here that is not really made: a full disk would be everybody's.
    import shutil

    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: full)

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "0.0 GB are free")
        assert started(app).disabled

    in_setup(tmp_path, act)


def test_a_malformed_preset_of_ones_own_is_named_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "presets"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("title: x\nbenchmarks: add-numbers\n")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "mine.yaml, line")
        assert started(app).disabled

    in_setup(tmp_path, act, (200, 60))


def test_choices_are_saved_as_a_preset(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        app.screen.query_one("#choose-budget_minutes", Input).value = "7 min"
        await until_shown(pilot, "--minutes 7")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: bool(app.screen.query("#preset-name")))
        await pilot.press(*"mine", "enter")
        await until_shown(pilot, "ptb-lite run --preset mine")
        assert load_preset("mine").budget_minutes == 7
        await pilot.press("ctrl+o")
        await until(pilot, lambda: bool(app.screen.query("#preset-name")))
        await pilot.press(*"offline-demo", "enter")
        await until_shown(pilot, "comes with ptb-lite")

    in_setup(tmp_path, act)


def test_the_command_is_copied(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        await pilot.press("ctrl+y")
        assert app.clipboard == f"ptb-lite run --preset offline-demo --runs-dir {tmp_path}"

    in_setup(tmp_path, act)


def test_a_preset_fills_everything_in_and_no_gpu_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Also where there is one, none is to be seen.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await settled(pilot)
        app.screen.query_one("#choose-preset", Select).value = "replicate-10h"
        await until_shown(pilot, "ptb-lite run --preset replicate-10h", "(•)  qwen3-4b-base")
        assert app.screen.query_one("#choose-budget_minutes", Input).value == "10 h"
        assert app.screen.query_one("#choose-feedback", Select).value == "test"
        assert app.screen.query_one("#choose-limit", Input).value == ""
        await until_shown(pilot, "no NVIDIA GPU can be used here")
        assert started(app).disabled

    in_setup(tmp_path, act)


def test_start_starts_a_real_run_and_opens_it(tmp_path: Path) -> None:
    """The runner is a process of its own; it is stopped once its first phase has begun."""
    from ptb_lite.runner.launch import stop

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RunScreen), 40)
        (run,) = list_runs(tmp_path)
        try:
            await until_shown(pilot, run.run_id, seconds=20)
            await until(pilot, lambda: run.read_status().phase is not None, 20)
            # Leaving Run for Setup and coming back shows the same run.
            await pilot.press("f2")
            await until(pilot, lambda: isinstance(app.screen, SetupScreen))
            await pilot.press("f3")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
        finally:
            stop(run.path)
        await until(pilot, lambda: not run.runner_lives(), 30)

    in_setup(tmp_path, act)


def test_any_size_and_any_resize(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await settled(pilot)
        for width, height in ((200, 60), (20, 6), (100, 30), (1, 1), (80, 24)):
            await pilot.resize_terminal(width, height)
            await until(pilot, lambda height=height: len(shown(app).splitlines()) == height)
            if width >= 80:
                found = ("gemma-3-270m-embed", "recipe", "add-numbers", "Start", READY)
                await until_shown(pilot, *found)

    in_setup(tmp_path, act)


def test_no_network_is_said_with_what_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    # Nothing listens there: the connection is refused, as where there is no network.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        await pilot.press("down", "space")
        await until_shown(pilot, "the Hub cannot be reached", "Base model gemma-3-270m-embedded")
        assert started(app).disabled
        await pilot.press("up", "space")
        await until_shown(pilot, READY)

    in_setup(tmp_path, act, (200, 50))


def test_a_second_press_starts_nothing_and_a_running_run_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "runs" / "20260101-000000-aaaa"
    going: list[str] = []
    launched: list[object] = []

    def launch(spec: object, _runs_dir: Path) -> Path:
        launched.append(spec)
        going.append(run.name)
        return run

    run.mkdir(parents=True)
    monkeypatch.setattr("ptb_lite.tui.models.setup.actions.launch", launch)
    for place in ("screens.setup", "widgets.top_bar"):
        monkeypatch.setattr(f"ptb_lite.tui.{place}.going_runs", lambda _: tuple(going))

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        setup = app.screen
        assert isinstance(setup, SetupScreen)
        await pilot.press("ctrl+s", "ctrl+s")
        setup.action_start()
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        setup.action_start()
        assert len(launched) == 1
        await pilot.press("f2")
        await until_shown(pilot, "Run ▶1", READY)
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Start another run?", run.name)
        await pilot.press("escape")
        await until_shown(pilot, READY)
        assert len(launched) == 1

    in_setup(tmp_path / "runs", act)


def test_a_refused_start_says_why_and_ctrl_g_goes_to_the_field(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, READY)
        app.screen.query_one("#choose-dev_limit", Input).value = "20"
        app.screen.query_one("#choose-judge", Input).value = "x@http://127.0.0.1:9/v1"
        app.screen.query_one("#benchmarks").focus()
        await pilot.press("end", "space")
        await until_shown(pilot, "Judge: http://127.0.0.1:9/v1 does not answer")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Not started: ")
        app.screen.query_one("#choose-dev_limit", Input).value = "99999"
        await until_shown(pilot, "Dev items: 99999 is more than")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: getattr(app.focused, "id", "") == "choose-dev_limit")

    in_setup(tmp_path, act, (160, 50))
