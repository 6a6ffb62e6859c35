"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli import RUNS as RUNS

RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", envvar="PTB_LITE_RUNS", show_envvar=True, help="The folder of the runs."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id, its beginning or end, its folder, or `last`."),
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Plain lines instead of the app, also on a terminal.")
]
