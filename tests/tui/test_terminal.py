"""The app in a real terminal (tmux): keys in, screen out, and the shell as it was before."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ptb_lite.runner.launch import stop
from ptb_lite.runs.folder import list_runs
from tests.tui.run_pilot import demo_copy

ROOT = Path(__file__).parents[2]
SECONDS = 20.0
pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A shell in a tmux of its own."""

    def __init__(self, folder: Path) -> None:
        # A socket's path may be 107 bytes long; pytest's folders come near it.
        self._tmux = ["tmux", "-L", f"ptb-{os.getpid()}-{time.monotonic_ns()}", "-f", "/dev/null"]
        environment = {
            **{key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TMUX")},
            "PYTHONPATH": str(ROOT),
            "PTB_LITE_CONFIG": str(folder / "config"),
            "PTB_LITE_STATE": str(folder / "state"),
            "LC_ALL": "C.UTF-8",
            "ENV": "",
        }
        size = ["-x", "100", "-y", "30"]
        command = [*self._tmux, "new-session", "-d", *size, "-c", str(folder), "/bin/sh"]
        subprocess.run(command, env=environment, check=True, timeout=SECONDS)
        self._run("send-keys", "-l", "PS1='shell> '; clear")
        self.type("Enter")
        self.wait(lambda shown: shown.startswith("shell>"), "prompt")

    def type(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def command(self, *arguments: str) -> None:
        """Type a command line and Enter."""
        line = shlex.join([sys.executable, "-m", "ptb_lite", *arguments])
        self._run("send-keys", "-l", line)
        self.type("Enter")

    def screen(self) -> str:
        return self._run("capture-pane", "-p", "-J")

    def wait_for(self, *texts: str) -> str:
        return self.wait(lambda shown: all(text in shown for text in texts), texts)

    def wait(self, holds: Callable[[str], bool], what: object) -> str:
        deadline = time.monotonic() + SECONDS
        while not holds(shown := self.screen()):
            assert time.monotonic() < deadline, f"no {what} on this screen:\n{shown}"
            time.sleep(0.05)
        return shown

    def wait_for_prompt(self) -> str:
        """The shell waits for a command: what ran before has ended."""
        return self.wait(lambda shown: shown.rstrip().splitlines()[-1:] == ["shell>"], "prompt")

    def app(self) -> psutil.Process:
        """The process of the app, a child of the shell."""
        shell = psutil.Process(int(self._run("display-message", "-p", "#{pane_pid}")))
        (child,) = shell.children()
        return child

    def mouse_is_off_and_screen_is_normal(self) -> bool:
        flags = "#{mouse_any_flag} #{alternate_on} #{cursor_flag}"
        return self._run("display-message", "-p", flags).split() == ["0", "0", "1"]

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, timeout=SECONDS)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments], capture_output=True, text=True, check=True, timeout=SECONDS
        )
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    try:
        yield opened
    finally:
        opened.close()


def test_no_arguments_open_the_app_and_ctrl_c_gives_the_shell_back(
    terminal: Terminal, tmp_path: Path
) -> None:
    demo_copy(tmp_path / "runs")
    terminal.command()
    terminal.wait_for("[Setup]", "(•)  gemma-3-270m-emb", "this machine can run it")
    # The fields' labels stand there before any key is pressed.
    terminal.wait_for("Time box 4 min", "Success gain over few-shot")
    terminal.type("Down", "Space")
    # Marked or not: how much a busy machine is found to train is not what is asked here.
    chosen = re.compile(r"\(•\)[ !] qwen3-0\.6b-base")
    terminal.wait(
        lambda shown: bool(chosen.search(shown)) and "--model qwen3-0.6b-base" in shown, chosen
    )
    terminal.type("F5")
    terminal.wait_for("[History]", "1 run in runs", "27.3 %")
    terminal.type("F1")
    terminal.wait_for("History: help")
    terminal.type("Escape")
    terminal.wait(lambda shown: "History: help" not in shown, "History without help")
    terminal.type("C-z")
    terminal.wait_for("Stopped", "shell>")
    terminal.type("fg", "Enter")
    terminal.wait_for("[History]", "1 run in runs", "27.3 %")
    terminal.type("C-c")
    shown = terminal.wait_for_prompt()
    assert "[History]" not in shown
    terminal.wait(lambda _shown: terminal.mouse_is_off_and_screen_is_normal(), "normal terminal")
    # What is typed is shown: echo is on again.
    terminal.type("echo so it is", "Enter")
    terminal.wait_for("shell> echo so it is\nso it is")


def test_attach_shows_a_run_and_says_how_it_ended(terminal: Terminal, tmp_path: Path) -> None:
    run = demo_copy(tmp_path / "runs")
    terminal.command("attach", "last")
    terminal.wait_for("[Run]", "finished: clean")
    terminal.type("C-q")
    terminal.wait_for(f"{run.run_id} has ended", "verdict: clean", "report: ")
    terminal.wait_for_prompt()
    terminal.type("echo code $?", "Enter")
    terminal.wait_for("code 0")
    terminal.type("clear", "Enter")
    terminal.command("attach", "last", "--plain")
    terminal.wait_for("run finished", "verdict: clean", "report: ")


def test_a_started_run_outlives_the_app(terminal: Terminal, tmp_path: Path) -> None:
    terminal.command("run", "--preset", "offline-demo", "--limit", "10")
    terminal.wait_for("[Run]", "prepare")
    (run,) = list_runs(tmp_path / "runs")
    try:
        assert run.run_id in terminal.screen()
        terminal.type("C-c")
        terminal.wait_for(f"{run.run_id} goes on")
        terminal.wait_for_prompt()
        terminal.type("echo code $?", "Enter")
        terminal.wait_for("code 130")
        assert run.runner_lives()
        terminal.command("attach", "last")
        terminal.wait_for("[Run]", run.run_id)
    finally:
        stop(run.path)
    # What the runner's end looks like to somebody who watches.
    terminal.wait_for("stopped")
    assert not psutil.pid_exists(run.read_status().pid or 0) or not run.runner_lives()


def test_a_broken_connection_ends_the_app(terminal: Terminal) -> None:
    terminal.command()
    terminal.wait_for("[Setup]")
    app = terminal.app()
    terminal.close()
    psutil.wait_procs([app], timeout=SECONDS)
    assert not app.is_running()


def test_a_killed_app_leaves_the_terminal_usable(terminal: Terminal) -> None:
    terminal.command()
    terminal.wait_for("[Setup]")
    terminal.app().terminate()
    terminal.wait_for_prompt()
    terminal.wait(lambda _shown: terminal.mouse_is_off_and_screen_is_normal(), "normal terminal")


def test_a_terminal_that_cannot_draw_gets_the_help(terminal: Terminal) -> None:
    terminal.type("export TERM=dumb", "Enter")
    terminal.command()
    # The end of the help: its beginning may have left a terminal of this height.
    terminal.wait_for("Show what there is to choose from.", "Exit codes: 0 done, 1 run failed")
