"""Starting a run and following one, from a terminal."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import typer

from ptb_lite.catalog import load_catalog
from ptb_lite.cli.common.defaults import EXIT_INTERRUPTED
from ptb_lite.cli.common.output import say, say_error, say_json
from ptb_lite.cli.common.terminal import is_terminal, show_run
from ptb_lite.doctor.preflight import find_warnings, preflight
from ptb_lite.errors import PtbLiteError, SpecError
from ptb_lite.evaluation.lm_tasks.task import is_lm_task
from ptb_lite.launchers.protocol import Launcher, runs_here
from ptb_lite.spec.run_spec import RunSpec, resolve_spec


def start(
    *,
    preset: str | None,
    overrides: Mapping[str, object],
    runs_dir: Path,
    detach: bool,
    on: str,
    foreground: bool,
    plain: bool,
    as_json: bool,
) -> None:
    """Check the choices and the machine, start the run, and follow it unless detached."""
    catalog = load_catalog()
    spec = resolve_spec(preset=preset, overrides=overrides, catalog=catalog, strict=False)
    for name in filter(is_lm_task, spec.benchmarks):
        say_error(f"{name}: read with its dataset, which may be fetched first")
    launcher = _launcher(on)
    here = launcher is None or runs_here(launcher)
    preflight(spec, catalog, runs_dir, here=here)
    for warning in find_warnings(spec, catalog, here=here):
        say_error(f"warning: {warning}")
    if foreground:
        if on != "local" or detach:
            raise SpecError("a run in the foreground is here and watched", field="foreground")
        raise typer.Exit(_in_foreground(spec, runs_dir, as_json=as_json))
    from ptb_lite.runner.launch import launch

    run = launch(spec, runs_dir) if launcher is None else _submit(spec, runs_dir, on, launcher)
    if not detach:
        watch_run(run, runs_dir=runs_dir, plain=plain, as_json=as_json)
    elif as_json:
        say_json({"run_id": run.name, "folder": str(run)})
    else:
        say(f"{run.name} started: `ptb-lite attach {run.name}` shows it")


def _launcher(on: str) -> Launcher | None:
    """None: this process starts the run itself. Raises LauncherError."""
    if on == "local":
        return None
    from ptb_lite.launchers.settings import find_launcher

    return find_launcher(on)


def _submit(spec: RunSpec, runs_dir: Path, on: str, launcher: Launcher) -> Path:
    """Hand the run to a launcher; its folder is the interface, here as on its node."""
    from ptb_lite.runner.launch import make_run

    run = make_run(spec, runs_dir)
    try:
        launcher.check([run], runs_dir)
        (job,) = launcher.submit([run])
    except PtbLiteError:
        shutil.rmtree(run.path)
        raise
    say_error(f"{run.run_id} is job {job} of {on}")
    return run.path


def _in_foreground(spec: RunSpec, runs_dir: Path, *, as_json: bool) -> int:
    """Run in this process, which a scheduler or a service ends; its lines are printed beside it."""
    from ptb_lite.runner.__main__ import main as run_here
    from ptb_lite.runner.console.follow import exit_code, watch
    from ptb_lite.runner.launch import make_run

    run = make_run(spec, runs_dir)

    ended = threading.Event()

    def show() -> None:
        # Before the runner holds its lock, the run looks like one whose runner has died.
        while not (run.runner_lives() or ended.wait(0.02)):
            pass
        watch(run.path, out=sys.stdout, json_output=as_json)

    printer = threading.Thread(target=show, name="lines", daemon=True)
    printer.start()
    try:
        run_here([str(run.path)])
    finally:
        ended.set()
    printer.join()
    return exit_code(run)


def watch_run(run: Path, *, runs_dir: Path, plain: bool, as_json: bool) -> None:
    """Show a run in the app where a person can see it, else follow it; exits with its code."""
    if plain or as_json or not is_terminal():
        follow(run, as_json=as_json)
    else:
        raise typer.Exit(show_run(run, runs_dir))


def follow(run: Path, *, as_json: bool) -> None:
    """Print a run's journal until the run ends; exits with the run's code."""
    from ptb_lite.runner.console.follow import watch

    try:
        code = watch(run, out=sys.stdout, json_output=as_json)
    except KeyboardInterrupt:
        say_error(
            f"{run.name} goes on: `ptb-lite attach {run.name}` shows it, "
            f"`ptb-lite stop {run.name}` ends it"
        )
        code = EXIT_INTERRUPTED
    raise typer.Exit(code)
