"""`ptb-lite serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli.common.options import RUNS, RunsDir


def serve(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Runs as for `show`; without: every run."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; any but a loopback one is reachable.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8000,
    visitors: Annotated[
        int, typer.Option(min=1, max=500, help="How many at the same time; each is a process.")
    ] = 20,
    runs_dir: RunsDir = RUNS,
) -> None:
    """Show runs in a browser, to look at only: for a workshop, or from another machine.

    One run is shown as it goes on, several as a wall. Nothing can be started, stopped or changed
    there. The address that is printed holds a token; without it nothing is answered.
    """
    from ptb_lite.cli.common.output import say, say_error
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.installation import way_to_install
    from ptb_lite.runs.folder import find_run

    found = [find_run(runs_dir, run) for run in dict.fromkeys(runs or ())]
    folders = {run.path.parent for run in found} or {Path(runs_dir)}
    if len(folders) > 1:
        raise PtbLiteError("are in different folders", field="runs", hint="Serve each by itself")
    try:
        from ptb_lite.tui.served.server import RunServer, is_loopback, listen
    except ImportError as error:
        raise PtbLiteError(
            "textual-serve is not installed",
            field="serve",
            hint=f"{way_to_install('ptb-lite[serve]')} installs it",
        ) from error
    listening = listen(host, port)
    ids = tuple(dict.fromkeys(run.run_id for run in found))
    server = RunServer(listening, folders.pop(), ids, visitors=visitors)
    shown = ", ".join(ids) or f"every run in {runs_dir}"
    say(f"{shown}, to look at: {server.address}")
    if is_loopback(listening):
        port = listening.getsockname()[1]
        say(f"On this machine; from another `ssh -L {port}:{host}:{port} THIS-MACHINE` first.")
    else:
        say_error("warning: reachable from other machines, and not encrypted on the way")
    say("Ctrl+C ends it.")
    server.serve()
