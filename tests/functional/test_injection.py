"""Payloads in every field of a run: report, Markdown, plain lines and app show them as text.

`python -m tests.functional.test_injection` does it with each of the payloads at each place.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from lxml import html
from markdown_it import MarkdownIt
from textual.pilot import Pilot

from ptb_lite.report.export import export_json, export_markdown
from ptb_lite.report.html import run_html
from ptb_lite.runner.console.lines import PlainLines
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.tui.app import PtbLiteApp
from tests.functional.injected_run import PAYLOADS, TOKEN, poisoned
from tests.tui.run_pilot import in_app, until
from tests.tui.test_terminal import Terminal

PLACES = (0, 101, 202)


def structure(page: str) -> tuple[set[str], set[tuple[str, str]], set[tuple[str, str]]]:
    """Tags, attributes by tag, and those of them in which a token stands, as libxml2 parses it."""
    tags, attributes, active = set(), set(), set()
    for element in html.document_fromstring(page).iter():
        tag = element.tag if isinstance(element.tag, str) else "comment"
        tags.add(tag)
        for name, value in element.attrib.items():
            attributes.add((tag, name))
            if TOKEN in value or "javascript:" in value:
                active.add((tag, name))
    return tags, attributes, active


def unseen(text: str, allowed: str = "\n") -> set[str]:
    """Characters that steer a terminal, or turn or hide text."""
    kinds = ("Cc", "Cf", "Zl", "Zp", "Co", "Cs")
    return {one for one in text if one not in allowed and unicodedata.category(one) in kinds}


def check_documents(run: RunFolder, harmless: RunFolder) -> None:
    page = run_html(run)
    for found, expected in zip(structure(page), structure(run_html(harmless)), strict=True):
        assert found <= expected, found - expected
    assert not unseen(page, "\n\t")
    markdown = export_markdown(run)
    assert not unseen(markdown)
    rendered, plain = (
        structure(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
        for text in (markdown, export_markdown(harmless))
    )
    assert rendered[0] <= plain[0], rendered[0] - plain[0]
    assert not rendered[2]
    assert export_json(run).isascii()
    lines = PlainLines()
    said = [line for event in read_journal(run.journal).events for line in lines.of(event)]
    assert len(said) > 30
    assert all(line.isprintable() for line in said)


def check_app(run: RunFolder) -> None:
    """On each screen: no unseen character, no link, no action that a payload brought."""
    seen: Counter[str] = Counter()

    async def act(pilot: Pilot[None], app: PtbLiteApp) -> None:
        await until(pilot, lambda: TOKEN in look(app), 60.0)
        for key in ("pagedown", "end", "home", "down", "enter", "escape", "tab", "enter", "escape"):
            await pilot.press(key)
            await pilot.pause()
            look(app)

    def look(app: PtbLiteApp) -> str:
        text = ""
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                text += segment.text
                style = segment.style
                assert not unseen(segment.text), repr(segment.text)
                if style is not None:
                    assert style.link is None
                    assert TOKEN not in str(style.meta)
        seen[type(app.screen).__name__] += 1
        return text

    for mode in ("run", "result"):
        in_app(run, act, mode=mode)
    assert len(seen) >= 2


@pytest.fixture
def harmless(tmp_path: Path) -> RunFolder:
    return poisoned(tmp_path / "harmless", None)[0]


def test_there_are_many_payloads() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) == 300


@pytest.mark.parametrize("first", PLACES)
def test_documents_show_payloads_as_text(tmp_path: Path, harmless: RunFolder, first: int) -> None:
    run, filled = poisoned(tmp_path / "runs", first)
    assert filled > 300
    check_documents(run, harmless)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_a_terminal_is_not_steered(tmp_path: Path) -> None:
    poisoned(tmp_path / "runs", PLACES[1])
    terminal = Terminal(tmp_path)
    try:
        terminal.command("attach", "last")
        terminal.wait_for("[Run]", TOKEN)
        for key in ("r", "PageDown", "End"):
            terminal.type(key)
        terminal.wait_for("[Result]")
        terminal.type("C-q")
        terminal.wait_for_prompt()
        terminal.command("show", "last")
        terminal.wait_for_prompt()
        assert terminal.mouse_is_off_and_screen_is_normal()
        about = terminal._run("display-message", "-p", "#{pane_title} #{window_name}")
        assert TOKEN not in about
        assert terminal._run("list-buffers") == ""
    finally:
        terminal.close()


def test_the_app_shows_payloads_as_text(tmp_path: Path) -> None:
    check_app(poisoned(tmp_path / "runs", PLACES[0])[0])


def main(every: int) -> None:
    """Each payload at each place, in documents; every so many in the app too."""
    with tempfile.TemporaryDirectory() as folder:
        harmless, _ = poisoned(Path(folder) / "harmless", None)
        for first in range(len(PAYLOADS)):
            run, filled = poisoned(Path(folder) / str(first), first)
            try:
                check_documents(run, harmless)
                if every and first % every == 0:
                    check_app(run)
            except AssertionError as error:
                print(f"{first}: {str(error)[:300]}", flush=True)
    print(f"{len(PAYLOADS)} payloads, {filled} fields each")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
