"""A replay in a real terminal: played, read in the pager, copied through the terminal, left."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.test_terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_the_demo_is_played_read_in_the_pager_and_copied(opened: Terminal) -> None:
    opened._run("set-option", "-s", "set-clipboard", "on")
    opened.type("unset PAGER; export LESS=", "Enter")
    opened.command("replay", "demo", "--speed", "200")
    opened.wait_for("[Run]", "demo replayed ×200", "▶agent")
    opened.wait_for("finished: clean", "✓report")
    opened.type("o")
    # The pager has the terminal; its first lines are the run's first.
    opened.wait_for("run 20261123-153201-3cc1 with ptb-lite", "turn 1 · ")
    assert "[Run]" not in opened.screen()
    opened.type("q")
    opened.wait_for("[Run]", "finished: clean")
    opened.type("y")
    opened.wait_for("Copied")

    def in_clipboard(_shown: str) -> bool:
        try:
            return opened._run("show-buffer") == "run finished"
        except subprocess.CalledProcessError:
            return False

    opened.wait(in_clipboard, "copy through OSC 52")
    opened.type("r")
    opened.wait_for("[Result]", "CLEAN", "27.3 %")
    opened.type("C-c")
    opened.wait_for_prompt()
    opened.type("echo code $?", "Enter")
    opened.wait_for("code 0")


def test_plain_lines_where_they_are_asked_for(opened: Terminal) -> None:
    opened.command("replay", "demo", "--plain", "--speed", "5000")
    shown = opened.wait_for("run finished")
    assert "[Run]" not in shown
