"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from ptb_lite import __version__
from ptb_lite.cli import archive, checks, experiment, lists, replay, run, runs, scale, serve
from ptb_lite.cli.common.output import say

app = typer.Typer(
    name="ptb-lite",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 1 run failed, 2 bad usage or spec, 3 flagged, 4 inconclusive.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"ptb-lite {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error. Works anywhere.")
    ] = False,
) -> None:
    """PostTrainBench at home: base model, agent, audit, before and after scores."""


app.command("run")(run.command())
app.command("experiment")(experiment.experiment)
app.command("eval")(checks.evaluate)
app.command("score")(checks.score)
app.command("check")(checks.check)
app.command("audit")(checks.audit)
app.add_typer(lists.app, name="list")
app.command("doctor")(checks.doctor)
app.command("ls")(runs.ls)
app.command("show")(runs.show)
app.command("attach")(runs.attach)
app.command("replay")(replay.replay)
app.command("serve")(serve.serve)
app.command("resume")(runs.resume)
app.command("stop")(runs.stop)
app.command("report")(runs.report)
app.command("export")(archive.export)
app.command("import")(archive.import_)
app.command("overrule")(runs.overrule)
app.command("judge")(runs.judge)
app.command("scale")(scale.scale)
