"""The app around its screens: places, help, palette, looks, and the doctor."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from ptb_lite.runs.folder import RunFolder
from ptb_lite.tui.app import PtbLiteApp
from ptb_lite.tui.place import Mode, Place
from ptb_lite.tui.screens.base import PtbScreen
from ptb_lite.tui.screens.doctor import DoctorScreen
from ptb_lite.tui.screens.help import HelpScreen
from ptb_lite.tui.settings import load_look
from tests.tui.run_pilot import demo_copy, new_run, shown, until, until_shown


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


def in_place(
    runs_dir: Path,
    mode: Mode,
    act: Callable[[Pilot[None], PtbLiteApp], Awaitable[None]],
    size: tuple[int, int] = (110, 36),
) -> None:
    async def go() -> None:
        app = PtbLiteApp(runs_dir, Place(mode))
        async with app.run_test(size=size, notifications=True) as pilot:
            await act(pilot, app)

    asyncio.run(go())


def mode(app: PtbLiteApp) -> str:
    assert isinstance(app.screen, PtbScreen)
    return app.screen.MODE


def test_five_places_by_key_and_by_mouse(tmp_path: Path) -> None:
    demo_copy(tmp_path / "runs")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "All ", "checks")
        for key, name in (("f5", "history"), ("f3", "run"), ("f4", "result"), ("f2", "setup")):
            await pilot.press(key)
            await until(pilot, lambda name=name: mode(app) == name)
            title = name.capitalize()
            assert f"[{title}]" in shown(app).splitlines()[0]
        column = shown(app).splitlines()[0].index("Doctor")
        await pilot.click(offset=(column, 0))
        await until(pilot, lambda: mode(app) == "doctor")

    in_place(tmp_path / "runs", "doctor", act)


def test_run_and_result_show_the_run_that_was_opened_last(tmp_path: Path) -> None:
    demo = demo_copy(tmp_path / "runs")
    other = new_run(tmp_path / "runs")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        async def at(key: str, run: RunFolder) -> None:
            await pilot.press(key)
            await until(pilot, lambda: app.screen._run.path == run.path)  # type: ignore[attr-defined]

        # The newest, where none was opened.
        await at("f4", demo)
        await app.open_run(other.path)
        await at("f4", other)
        await app.open_result(demo.path)
        await at("f3", demo)
        # Its replay stays one while it is the same run's.
        await app.go(Place("run", demo.path, 50.0))
        await at("f4", demo)
        await at("f3", demo)
        assert app.screen._speed == 50.0  # type: ignore[attr-defined]

    in_place(tmp_path / "runs", "doctor", act)


def test_the_doctor_says_what_the_command_says(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "ok   system: Python", "isolation", "claude-code")
        await pilot.press("end", "y")
        await until_shown(pilot, "Copied")
        assert app.clipboard.startswith("To use it: npm install")
        await pilot.press("r")
        await until_shown(pilot, "ok   system: Python")

    in_place(tmp_path, "doctor", act, (120, 50))


def test_what_fails_comes_first_with_its_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "checks failed", "FAIL runs folder", "→ Choose another with")
        first = app.screen.query_one(OptionList).options[0]
        assert "FAIL" in str(first.prompt)

    in_place(tmp_path / "file" / "runs", "doctor", act)


def test_help_shows_the_keys_of_what_has_the_focus(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "ok   system")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await until_shown(pilot, "Doctor: help", "Check again", "Copy the fix", "Escape closes")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))

    in_place(tmp_path, "doctor", act)


def test_the_palette_offers_the_screens_commands_and_the_apps(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "ok   system")
        await pilot.press("ctrl+p")
        await until_shown(pilot, "Check this machine again", "Go to History")
        await pilot.press(*"light")
        await until_shown(pilot, "Theme: light")
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.theme == "light")
        assert load_look({}).theme == "light"
        await pilot.press("ctrl+p", *"ascii")
        await until_shown(pilot, "ASCII only")
        await pilot.press("down", "enter")
        await until(pilot, lambda: shown(app).isascii())
        assert "+--" in shown(app)
        assert load_look({}).ascii is True

    in_place(tmp_path, "doctor", act)


def test_ctrl_c_leaves_and_copies_what_is_selected(tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until(pilot, lambda: bool(app.screen.query("#history-filter")))
        await pilot.press("slash", *"abc", "shift+home", "ctrl+c")
        await until(pilot, lambda: app.clipboard == "abc")
        assert app.is_running
        await pilot.press("end", "ctrl+c")
        await until(pilot, lambda: app._exit)

    in_place(tmp_path, "history", act)


def test_no_color(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "ok   system")
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    if colour is not None and colour.triplet is not None:
                        red, green, blue = colour.triplet
                        assert red == green == blue, segment

    in_place(tmp_path, "doctor", act)


@pytest.mark.parametrize("theme", ["dark", "light", "high-contrast"])
def test_text_can_be_read_in_every_theme(tmp_path: Path, theme: str) -> None:
    """Contrast of ordinary text by WCAG 2.1: 4.5 to 1 at least, 7 to 1 in high contrast."""

    demo_copy(tmp_path / "runs")

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        app.theme = theme
        for key, text in (
            ("f6", "ok   system"),
            ("f5", "1 run in"),
            ("f3", "verdict: clean"),
            ("f4", "add-numbers"),
            ("f2", "this machine can run it"),
        ):
            await pilot.press(key)
            await until_shown(pilot, text, seconds=20)
            await pilot.pause()
            readable(app, 7 if theme == "high-contrast" else 4.5)

    in_place(tmp_path / "runs", "doctor", act)


def readable(app: PtbLiteApp, least: float) -> None:
    seen = 0
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            if style is None or not any(map(str.isalnum, segment.text)):
                continue
            if style.color is None or style.bgcolor is None or style.reverse:
                continue
            seen += 1
            ratio = _contrast(style.color.triplet, style.bgcolor.triplet)
            assert ratio >= least, (app.screen, segment, ratio)
    assert seen > 20


def _contrast(one: tuple[int, int, int] | None, other: tuple[int, int, int] | None) -> float:
    assert one is not None
    assert other is not None
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: tuple[int, int, int]) -> float:
    parts = [part / 255 for part in colour]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_persons_own_keys_and_command(tmp_path: Path) -> None:
    settings = tmp_path / "config" / "app.yaml"
    settings.parent.mkdir()
    told = tmp_path / "told"
    command = f'printf "%s" "$PTB_LITE_RUN" > {told}'
    settings.write_text(f"keys:\n  history.next_view: k\non_end: {json.dumps(command)}\n")
    runs = tmp_path / "runs"
    run = new_run(runs)

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until_shown(pilot, "All runs")
        await until(pilot, lambda: app._own is not None)
        await pilot.press("l")
        await until_shown(pilot, "All runs")
        await pilot.press("k")
        await until_shown(pilot, "Leaderboard by counted")
        app.runs_go_on((run.run_id,))
        app.runs_go_on(())
        await until(pilot, lambda: told.exists() and told.read_text() == run.run_id)

    in_place(runs, "history", act)
    settings.write_text("keys: 3\n")

    async def wrong(pilot: Pilot[None], _app: PtbLiteApp) -> None:
        await until_shown(pilot, "app.yaml, line 1")

    in_place(runs, "history", wrong)
    settings.write_text(
        "keys:\n  history.next_vew: k\n  run.stop: hop\n  history.compare: s\n  history.mark: m\n"
    )

    async def some_wrong(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until(pilot, lambda: len(app._notifications) == 3)
        said = [each.message for each in app._notifications]
        assert [each.partition("app.yaml, ")[2] for each in said] == [
            "line 2: history.next_vew: there is no such action; is history.next_view meant?",
            "line 3: run.stop: 'hop' is no key",
            "line 4: history.compare: s is the key of history.sort: give that another one too",
        ]
        await pilot.press("m")
        await until_shown(pilot, "1 marked")

    in_place(runs, "history", some_wrong)
