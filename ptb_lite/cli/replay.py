"""`ptb-lite replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli.common.options import RUNS, Plain, RunsDir


def replay(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run as for `show`, or `demo`: one that ships.")
    ],
    speed: Annotated[
        float, typer.Option(min=0.1, max=10_000, help="How many times as fast as it went.")
    ] = 20.0,
    plain: Plain = False,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Play a recorded run again, for a workshop or to see what one looks like.

    Nothing is run: the screen reads the journal at the chosen pace. `demo` needs nothing else.
    """
    from ptb_lite.cli.common.output import say
    from ptb_lite.cli.common.terminal import is_terminal
    from ptb_lite.runner.console.replay import DEMO, play, recorded_demo
    from ptb_lite.runs.folder import find_run

    found = recorded_demo() if run == DEMO else find_run(runs_dir, run)
    if plain or not is_terminal():
        play(found, speed, say)
        return
    from ptb_lite.tui.place import Place
    from ptb_lite.tui.start import open_app

    raise typer.Exit(open_app(Path(runs_dir), Place("run", found.path, speed)))
