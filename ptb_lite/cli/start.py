"""Starting a run and following one, from a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from ptb_lite.catalog import load_catalog
from ptb_lite.cli import EXIT_INTERRUPTED
from ptb_lite.cli.output import say, say_error, say_json
from ptb_lite.cli.terminal import is_terminal, show_run
from ptb_lite.doctor.preflight import find_warnings, preflight
from ptb_lite.spec.run_spec import resolve_spec


def start(
    *,
    preset: str | None,
    overrides: Mapping[str, object],
    runs_dir: Path,
    detach: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Check the choices and the machine, start the run, and follow it unless detached."""
    catalog = load_catalog()
    spec = resolve_spec(preset=preset, overrides=overrides, catalog=catalog)
    preflight(spec, catalog, runs_dir)
    for warning in find_warnings(spec, catalog):
        say_error(f"warning: {warning}")
    from ptb_lite.runner.launch import launch

    run = launch(spec, runs_dir)
    if not detach:
        watch_run(run, runs_dir=runs_dir, plain=plain, as_json=as_json)
    elif as_json:
        say_json({"run_id": run.name, "folder": str(run)})
    else:
        say(f"{run.name} started: `ptb-lite attach {run.name}` shows it")


def watch_run(run: Path, *, runs_dir: Path, plain: bool, as_json: bool) -> None:
    """Show a run in the app where a person can see it, else follow it; exits with its code."""
    if plain or as_json or not is_terminal():
        follow(run, as_json=as_json)
    else:
        raise typer.Exit(show_run(run, runs_dir))


def follow(run: Path, *, as_json: bool) -> None:
    """Print a run's journal until the run ends; exits with the run's code."""
    from ptb_lite.runner.console import watch

    try:
        code = watch(run, out=sys.stdout, json_output=as_json)
    except KeyboardInterrupt:
        say_error(
            f"{run.name} goes on: `ptb-lite attach {run.name}` shows it, "
            f"`ptb-lite stop {run.name}` ends it"
        )
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)
