"""Runs in a browser: real HTTP and websockets, with and without the token."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from textual.binding import Binding
from textual.pilot import Pilot

from ptb_lite.cli import main
from ptb_lite.tui.screens.base import PtbScreen
from ptb_lite.tui.screens.compare import CompareScreen
from ptb_lite.tui.screens.history import HistoryScreen
from ptb_lite.tui.screens.result import ResultScreen
from ptb_lite.tui.screens.run import RunScreen
from ptb_lite.tui.served.app import VisitorApp
from tests.tui.lively import lively_run
from tests.tui.run_pilot import demo_copy, shown, slowness, until, until_shown

SECONDS = 20.0
PLACES = ("/", "/ws", "/static/js/textual.js", "/static/", "/download/x", "/no-such-page")


class Served:
    """`ptb-lite serve` as a process, and what it said."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        runs = str(folder / "runs")
        command = [sys.executable, "-m", "ptb_lite", "serve", "--port", "0", "--runs-dir", runs]
        self.process = subprocess.Popen(
            [*command, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        found = re.search(r"(http://\S+)/\?token=(\S+)", self.process.stdout.readline())
        assert found is not None
        self.base, self.token = found[1], found[2]

    def apps(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS * slowness())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    folder = tmp_path_factory.mktemp("served")
    demo_copy(folder / "runs")
    lively_run(folder / "runs")
    server = Served(folder, "3cc1")
    yield server, folder
    server.end()


Visit = Callable[[aiohttp.ClientSession], Awaitable[None]]


def visiting(server: Served, visit: Visit, *, token: bool = True) -> None:
    async def go() -> None:
        # Addresses in numbers have cookies too.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            if token:
                async with session.get(f"{server.base}/?token={server.token}") as page:
                    assert page.status == 200
                    assert "token" not in str(page.url)
            await visit(session)

    asyncio.run(go())


async def read_until(socket: aiohttp.ClientWebSocketResponse, text: str) -> str:
    """What the app drew until `text` was among it."""
    drawn = ""
    async with asyncio.timeout(SECONDS * slowness()):
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                drawn += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", message.data.decode())
            if text in drawn:
                return drawn
    raise AssertionError(f"closed before {text!r}: {drawn}")


def until_true(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS * slowness()
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_without_the_token_nothing_is_answered(served: tuple[Served, Path]) -> None:
    server, _ = served

    async def visit(session: aiohttp.ClientSession) -> None:
        for place in PLACES:
            async with session.get(server.base + place) as answer:
                assert answer.status == 403, place
        for wrong in ("", "x", server.token[:-1], server.token + "x", "ü"):
            async with session.get(server.base + "/", params={"token": wrong}) as answer:
                assert answer.status == 403, wrong
            cookie = {f"ptb-lite-{server.base.rpartition(':')[2]}": wrong.replace("ü", "u")}
            async with session.get(server.base + "/", cookies=cookie) as answer:
                assert answer.status == 403, wrong
        # In the address of the page alone, never of what the page asks for.
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(f"{server.base}/ws?token={server.token}")
        assert server.apps() == []

    visiting(server, visit, token=False)


def test_it_listens_on_this_machine_alone(served: tuple[Served, Path]) -> None:
    server, _ = served
    listening = [
        each.laddr.ip
        for each in psutil.Process(server.process.pid).net_connections()
        if each.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]


def test_the_page_fetches_nothing_from_elsewhere_and_other_pages_are_refused(
    served: tuple[Served, Path],
) -> None:
    server, _ = served

    async def visit(session: aiohttp.ClientSession) -> None:
        async with session.get(server.base + "/") as page:
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]
            assert f'data-session-websocket-url="{server.base.replace("http", "ws")}/ws"' in (
                await page.text()
            )
        for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static//etc/passwd"):
            from yarl import URL

            async with session.get(URL(server.base + path, encoded=True)) as answer:
                assert answer.status in (403, 404), path
        for origin in ("https://evil.example", "http://127.0.0.1:1", "null"):
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await session.ws_connect(server.base + "/ws", headers={"Origin": origin})

    visiting(server, visit)


def test_a_visitor_sees_the_run_and_changes_nothing(served: tuple[Served, Path]) -> None:
    server, folder = served
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    async def visit(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.base + "/ws?width=100&height=30") as socket:
            drawn = await read_until(socket, "Gain real?")
            assert "F4[Result]" in drawn
            assert "Setup" not in drawn
            # A screen of a million columns would take all memory.
            await socket.send_json(["resize", {"width": 10**6, "height": 10**6}])
            await socket.send_json(["resize", {"width": 100, "height": 30}])
            # Exports, seeds, a verdict, the palette, Setup and the doctor: none of them.
            await socket.send_json(["stdin", "hjeo\x10\x1bOQ\x1b[17~3"])
            assert "Setup" not in await read_until(socket, "gained")
            (app,) = server.apps()
            assert app.memory_info().rss < 400e6
        until_true(lambda: server.apps() == [])

    visiting(server, visit)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_killed_server_leaves_no_app_behind(tmp_path: Path) -> None:
    demo_copy(tmp_path / "runs")
    lively_run(tmp_path / "runs")
    server = Served(tmp_path, "3cc1", "abcd", "--visitors", "1")

    async def visit(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect(server.base + "/ws?width=130&height=40") as socket:
            await read_until(socket, "add-numbers")
            async with session.get(server.base + "/") as full:
                assert full.status == 503
                assert "No more than 1 person" in await full.text()
            (app,) = server.apps()
            server.process.kill()
            until_true(lambda: not app.is_running() or app.status() == psutil.STATUS_ZOMBIE)

    visiting(server, visit)
    server.end()


def test_a_port_in_use_and_runs_of_two_folders_are_said(
    served: tuple[Served, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, folder = served
    port = server.base.rpartition(":")[2]
    other = demo_copy(tmp_path)
    for arguments, words in (
        (("--port", port), "0 takes a free one"),
        (("--host", "no.such.host.invalid"), "cannot be listened on"),
        ((str(folder / "runs" / other.run_id), str(other.path)), "in different folders"),
        (("nothing",), "there is no run 'nothing'"),
    ):
        with pytest.raises(SystemExit):
            main(("serve", *arguments, "--runs-dir", str(folder / "runs")))
        assert words in capsys.readouterr().err


def test_of_every_key_a_visitor_has_those_that_only_show(tmp_path: Path) -> None:
    demo = demo_copy(tmp_path)
    lively_run(tmp_path)

    def enabled(app: VisitorApp) -> set[str]:
        keys = [key for key in type(app.screen).BINDINGS if isinstance(key, Binding)]
        return {
            key.action.partition("(")[0]
            for key in keys
            if not key.action.startswith("app.") and app.screen.check_action(key.action, ())
        }

    def no_dead_hint(app: VisitorApp) -> None:
        """Neither the screen nor its help names a key of an action that is not a visitor's."""
        screen = app.screen
        assert isinstance(screen, PtbScreen)
        said = f"{shown(app)}\n{screen.help_text()}"
        assert "{" not in screen.help_text()
        keys = [key for key in type(screen).BINDINGS if isinstance(key, Binding)]
        for binding in keys:
            action = binding.action.partition("(")[0]
            if action.startswith("app.") or screen.may(action):
                continue
            for key in binding.key.split(","):
                named = re.escape(key)
                assert not re.search(rf"(?<![\w/'-]){named} [a-z]{{2,}}s\b|\({named}\)", said), key
        assert "HTML and JSON" not in said

    async def go() -> None:
        app = VisitorApp(tmp_path, (demo.run_id,))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await on_each_screen(pilot, app)

    async def on_each_screen(pilot: Pilot[None], app: VisitorApp) -> None:
        await until_shown(pilot, "Gain real?")
        assert isinstance(app.screen, ResultScreen)
        assert not enabled(app) & {"html", "json", "markdown", "seeds", "overrule", "judge"}
        no_dead_hint(app)
        await pilot.press("f3")
        await until_shown(pilot, "run finished")
        assert isinstance(app.screen, RunScreen)
        assert not enabled(app) & {"pager", "stop", "resume"}
        no_dead_hint(app)
        await pilot.press("f2", "f6", "f5")
        await until_shown(pilot, "1 run in")
        assert isinstance(app.screen, HistoryScreen)
        assert "abcd" not in shown(app)
        assert "notes" not in enabled(app)
        no_dead_hint(app)
        await pilot.press("slash", *"zzz", "enter")
        await until_shown(pilot, "0 of 1 run")
        assert "Setup" not in shown(app)
        await app.push_screen(CompareScreen([demo.path, demo.path]))
        assert not app.screen.check_action("export", ())
        await until(pilot, lambda: not app.check_action("suspend_process", ()))

    asyncio.run(go())
