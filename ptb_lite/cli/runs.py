"""`ls`, `show`, `attach`, `resume`, `stop`, `report`: what one does with runs that exist."""

from __future__ import annotations

from ptb_lite.cli.options import RUNS, Json, Plain, RunId, RunsDir


def ls(runs_dir: RunsDir = RUNS, as_json: Json = False) -> None:
    """List the runs, oldest first."""
    from ptb_lite.cli.output import say, say_json, say_table
    from ptb_lite.cli.summary import summarise
    from ptb_lite.runs.folder import list_runs

    summaries = [summarise(run) for run in list_runs(runs_dir)]
    if as_json:
        say_json([summary.as_json() for summary in summaries])
    elif not summaries:
        say(f"no runs in {runs_dir}; `ptb-lite run --preset offline-demo` makes one")
    else:
        say_table(
            ("RUN", "STATE", "MODEL", "AGENT", "FEW-SHOT", "COUNTED", "VERDICT"),
            [summary.row() for summary in summaries],
        )


def show(run: RunId, runs_dir: RunsDir = RUNS, as_json: Json = False) -> None:
    """Show one run: its choices, where it is, and its scores."""
    from ptb_lite.cli.output import say, say_json
    from ptb_lite.cli.summary import describe, detail_json
    from ptb_lite.runs.folder import find_run

    found = find_run(runs_dir, run)
    if as_json:
        say_json(detail_json(found))
        return
    for line in describe(found):
        say(line)


def attach(
    run: RunId, runs_dir: RunsDir = RUNS, plain: Plain = False, as_json: Json = False
) -> None:
    """Follow a run, from its beginning, until it ends.

    On a terminal in the app; elsewhere, and with --plain, as plain lines.

    Exit codes: those of `run`.
    """
    from ptb_lite.cli.start import watch_run
    from ptb_lite.runs.folder import find_run

    watch_run(find_run(runs_dir, run).path, runs_dir=runs_dir, plain=plain, as_json=as_json)


def resume(
    run: RunId, runs_dir: RunsDir = RUNS, plain: Plain = False, as_json: Json = False
) -> None:
    """Continue a run from its last finished phase.

    For one that was killed or failed; it is followed as with `attach`.

    Exit codes: those of `run`.
    """
    from ptb_lite.cli.start import watch_run
    from ptb_lite.runner.launch import resume as resume_run
    from ptb_lite.runs.folder import find_run

    found = find_run(runs_dir, run)
    resume_run(found.path)
    watch_run(found.path, runs_dir=runs_dir, plain=plain, as_json=as_json)


def stop(run: RunId, runs_dir: RunsDir = RUNS) -> None:
    """End a run early; what was submitted is still scored."""
    from ptb_lite.cli.output import say
    from ptb_lite.runner.launch import stop as stop_run
    from ptb_lite.runs.folder import find_run

    say(stop_run(find_run(runs_dir, run).path))


def report(run: RunId, runs_dir: RunsDir = RUNS) -> None:
    """Write a run's report.html again and print where it is."""
    from ptb_lite.cli.output import say
    from ptb_lite.report.html import write_report
    from ptb_lite.runs.folder import find_run

    say(str(write_report(find_run(runs_dir, run))))
