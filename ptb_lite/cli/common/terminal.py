"""Whether a person sits at a terminal, and showing the app there. Light: imports the app late."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ptb_lite.cli.common.defaults import EXIT_INTERRUPTED, RUNS


def is_terminal() -> bool:
    """Whether the app can be shown: a person at both ends, and a terminal that can draw."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if any(stream is None or not stream.isatty() for stream in streams):
        return False
    return os.environ.get("TERM") not in (None, "", "dumb")


def show_app() -> int:
    """`ptb-lite` with no arguments; returns its exit code."""
    from ptb_lite.tui.start import open_app

    return open_app(Path(os.environ.get("PTB_LITE_RUNS") or RUNS))


def show_run(run: Path, runs_dir: Path) -> int:
    """The Run screen of a run, and when it is left how the run stands: its scores, if it has any.

    Returns the exit code of the run where it has ended, else that of Ctrl-C.
    """
    from ptb_lite.cli.common.output import say, say_error
    from ptb_lite.report.text import report_text
    from ptb_lite.runner.console.follow import exit_code
    from ptb_lite.runs.folder import require_folder
    from ptb_lite.tui.place import Place
    from ptb_lite.tui.start import open_app

    open_app(runs_dir, Place("run", run))
    folder = require_folder(run)
    if folder.runner_lives():
        say_error(
            f"{run.name} goes on: `ptb-lite attach {run.name}` shows it, "
            f"`ptb-lite stop {run.name}` ends it"
        )
        return EXIT_INTERRUPTED
    say(f"{run.name} has ended")
    if folder.scores.is_file():
        for line in report_text(folder).splitlines():
            say(line)
        say(f"report: {folder.report}")
    else:
        say(f"`ptb-lite show {run.name}` says how, `ptb-lite resume {run.name}` continues it")
    return exit_code(folder)
