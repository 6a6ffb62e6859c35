"""`ptb-lite experiment`: many runs in arms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli.options import RUNS, Json, RunsDir


def experiment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The experiment, as YAML.")],
    runs_dir: RunsDir = RUNS,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Start nothing; report what there is.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run arms of choices with seeds, in random order, and compare them.

    Every run is an ordinary one in the runs' folder. The same command again goes on where it was
    cut off; of a finished experiment it prints the report. With --json the report is the only thing
    on standard output.

    Exit codes: 0 done, 1 a run did not finish, 2 bad usage or spec.
    """
    from ptb_lite.catalog import load_catalog
    from ptb_lite.cli import EXIT_FAILED
    from ptb_lite.cli.output import say, say_error, say_json
    from ptb_lite.doctor.preflight import preflight
    from ptb_lite.experiment.execute import run_experiment
    from ptb_lite.experiment.plan import read_experiment, specs
    from ptb_lite.experiment.report import make_report, report_lines
    from ptb_lite.experiment.state import open_state

    found = read_experiment(file)
    catalog = load_catalog()
    resolved = specs(found, catalog)
    if only_report:
        state = open_state(found, runs_dir)
    else:
        for arm in found.arms:
            preflight(resolved[f"{arm}/{found.plan.seeds[0]}"], catalog, runs_dir)
        state = run_experiment(found, resolved, runs_dir, say_error if as_json else say)
    report = make_report(state, found.arms, runs_dir)
    if as_json:
        say_json(report.model_dump(mode="json"))
    else:
        say()
        for line in report_lines(report):
            say(line)
    if any(arm.unfinished for arm in report.arms):
        raise typer.Exit(EXIT_FAILED)
