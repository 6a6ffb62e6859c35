"""`ptb-lite experiment`: many runs in arms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli.common.options import RUNS, Json, RunsDir


def experiment(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The experiment, as YAML, or one of ptb-lite's own."),
    ],
    runs_dir: RunsDir = RUNS,
    on: Annotated[
        str, typer.Option("--on", help="Where: local, slurm, or a name of launchers.yaml.")
    ] = "local",
    parallel: Annotated[
        int | None, typer.Option(min=1, help="So many runs at a time; local: 1 where left out.")
    ] = None,
    cell: Annotated[
        int | None, typer.Option(min=1, help="Run this one cell alone, from 1 in running order.")
    ] = None,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Start nothing; report what there is.")
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Start nothing; say how far each arm is.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Start nothing; follow how far each arm is.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write the report with its plots to this file, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run arms of choices with seeds, in random order, and compare them.

    Every run is an ordinary one in the runs' folder. The same command again goes on where it was
    cut off; of a finished experiment it prints the report. Two of them share the work, and seeds
    and arms may be added to the file. ptb-lite's own are `paper-grid`, `scaffolds`, `disclosure`
    and `disclosure-demo`. With --json the report is the only thing on standard output.

    Exit codes: 0 done, 1 a run did not finish, 2 bad usage or spec.
    """
    from ptb_lite.catalog import load_catalog
    from ptb_lite.cli.common.defaults import EXIT_FAILED
    from ptb_lite.cli.common.output import say, say_error, say_json
    from ptb_lite.doctor.preflight import preflight
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.experiment.execute import run_experiment
    from ptb_lite.experiment.html import write_html
    from ptb_lite.experiment.plan import experiment_file, read_experiment, specs
    from ptb_lite.experiment.report import make_report, report_lines
    from ptb_lite.experiment.state import experiment_salt, read_state
    from ptb_lite.launchers.protocol import runs_here
    from ptb_lite.launchers.settings import find_launcher

    file = experiment_file(file)
    found = read_experiment(file)
    if cell is not None and cell > len(found.cells):
        raise PtbLiteError(f"there are {len(found.cells)} cells", field="cell")
    catalog = load_catalog()
    if status or watch:
        _show_progress(file, runs_dir, watch=watch, as_json=as_json)
        return
    if only_report:
        specs(found, catalog)
        state = read_state(found, runs_dir)
    else:
        launcher = find_launcher(on, at_most=parallel)
        resolved = specs(found, catalog, experiment_salt(found, runs_dir))
        for arm in found.arms:
            preflight(
                resolved[f"{arm}/{found.plan.seeds[0]}"],
                catalog,
                runs_dir,
                here=runs_here(launcher),
            )
        tell = say_error if as_json else say
        state = run_experiment(found, resolved, runs_dir, tell, launcher, only=cell)
    report = make_report(state, found.arms, runs_dir, found.own_first, found.matches)
    if html is not None:
        write_html(report, html)
    if as_json:
        say_json(report.model_dump(mode="json"))
    else:
        say()
        for line in report_lines(report):
            say(line)
    if cell is None and any(arm.unfinished for arm in report.arms):
        raise typer.Exit(EXIT_FAILED)


def _show_progress(file: Path, runs_dir: Path, *, watch: bool, as_json: bool) -> None:
    import time
    from dataclasses import asdict

    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.experiment.plan import read_experiment
    from ptb_lite.experiment.progress import progress, progress_lines
    from ptb_lite.experiment.state import read_state

    shown = None
    while True:
        found = read_experiment(file)
        now = progress(read_state(found, runs_dir), found.arms, runs_dir)
        if as_json and now != shown:
            say_json([asdict(one) for one in now])
        elif now != shown:
            for line in progress_lines(now):
                say(line)
        shown = now
        if not watch or not any(one.waiting or one.running for one in now):
            return
        time.sleep(2)
