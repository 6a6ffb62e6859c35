"""`python -m bench.hostile.terminal [EVERY]`: payloads in every field of a run, in a real tmux.

With EVERY each field holds so many payloads at once. For each placement what `show`,
`attach --plain` and the Markdown print is written to the terminal, and one app that is open on the
result reads it again and shows each of its parts. A fault is a terminal that has another title,
window name, paste buffer, screen or mouse than before, or bytes of the app that carry a payload
inside an escape sequence. Exit code 1 where there was one.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from ptb_lite.cli.common.output import say
from ptb_lite.cli.common.summary import describe
from ptb_lite.report.export import export_markdown
from ptb_lite.runner.console.lines import PlainLines
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from tests.functional.injected_run import PAYLOADS, TOKEN, poisoned
from tests.tui.test_terminal import Terminal

PARTS = ("r", "2", "3", "4", "1")
# OSC, DCS, APC, PM and window names of screen: what ends with ST or BEL.
_STRINGS = re.compile(rb"\x1b[\]P_^k][^\x07\x1b]*(?:\x07|\x1b\\)")
_STATE = (
    "#{pane_title} #{window_name} #{alternate_on} #{mouse_any_flag} #{cursor_flag} "
    "#{pane_in_mode} #{origin_flag} #{insert_flag} #{wrap_flag}"
)
_OPTIONS = {"automatic-rename": "off", "allow-rename": "on", "set-clipboard": "on"}
_APP_STATE = "#{pane_title} #{window_name} #{alternate_on}"


def printed(run: RunFolder) -> str:
    plain, out = PlainLines(), StringIO()
    with redirect_stdout(out):
        for line in describe(run):
            say(line)
        print(export_markdown(run))
        for event in read_journal(run.journal).events:
            for line in plain.of(event):
                print(line)
    return out.getvalue()


def state(terminal: Terminal, which: str) -> str:
    buffers = terminal._run("list-buffers")
    return terminal._run("display-message", "-p", which).strip() + buffers


def put(place: Path, first: int | None, every: int = 1) -> RunFolder:
    """The run with another placement, where it was."""
    new, _ = poisoned(place / "new", first, every)
    target = place / "runs" / new.run_id
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(exist_ok=True)
    new.path.rename(target)
    return RunFolder(target)


def lines_in(terminal: Terminal, place: Path, every: int) -> list[str]:
    usual, faults = "", []
    for first in (None, *range(0, len(PAYLOADS), every)):
        text = place / "text"
        text.write_text(printed(put(place, first, every)), encoding="utf-8")
        mark = f"end-of-{first}"
        terminal.type("clear; cat text; echo", "Space", mark, "Enter")
        shown = terminal.wait(lambda seen, mark=mark: f"\n{mark}" in seen, mark)
        found = state(terminal, _STATE)
        usual = usual or found
        colours = terminal._run("capture-pane", "-e", "-p", "-S", "-200")
        if found != usual or "\x1b" in colours or "\\" * 40 in shown:
            faults.append(f"lines from payload {first}: {found}")
    return faults


def app_in(terminal: Terminal, place: Path, every: int) -> tuple[list[str], int]:
    """Faults, and of how many placements the app showed something else than before."""
    faults, seen, usual = [], set(), ""
    put(place, None)
    terminal.command("attach", "last")
    terminal.wait_for("[Run]")
    terminal.type("F4")
    terminal.wait_for("[Result]")
    raw = place / "raw"
    terminal._run("pipe-pane", "-o", f"cat >> {raw}")
    for first in range(0, len(PAYLOADS), every):
        put(place, first, every)
        shown = ""
        for key in PARTS:
            terminal.type(key)
            time.sleep(0.4 if key == "r" else 0.2)
            shown += terminal.screen()
        seen.add(shown)
        found = state(terminal, _APP_STATE)
        usual = usual or found
        carried = [one for one in _STRINGS.findall(raw.read_bytes()) if TOKEN.encode() in one]
        if found != usual or carried or "[Result]" not in shown:
            faults.append(f"app from payload {first}: {found} {carried[:3]} {shown[-300:]!r}")
        raw.write_bytes(b"")
    terminal._run("pipe-pane")
    terminal.type("C-q")
    terminal.wait_for_prompt()
    if not terminal.mouse_is_off_and_screen_is_normal():
        faults.append("the terminal is not as before")
    return faults, len(seen)


def main(every: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        place, began = Path(name), time.monotonic()
        terminal = Terminal(place)
        try:
            # What a payload could ask for is allowed; what tmux does by itself is not done.
            for option, value in _OPTIONS.items():
                terminal._run("set-option", "-g", option, value)
            faults = lines_in(terminal, place, every)
            terminal.type("clear", "Enter")
            more, different = app_in(terminal, place, every)
        finally:
            terminal.close()
    for fault in (*faults, *more):
        print(fault)
    print(
        f"{len(PAYLOADS)} payloads, {len(range(0, len(PAYLOADS), every))} placements as lines and "
        f"in the app ({different} different pictures of {len(PARTS)} parts), "
        f"{len(faults) + len(more)} faults, {time.monotonic() - began:.0f} s"
    )
    return 1 if faults or more else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
