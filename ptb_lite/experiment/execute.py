"""Runs the cells of an experiment one after another; what was begun before is taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ptb_lite.events import Outcome
from ptb_lite.experiment.plan import Experiment
from ptb_lite.experiment.state import CellState, State, open_state, with_run, write_state
from ptb_lite.runner.launch import launch, resume
from ptb_lite.runs.folder import RunFolder
from ptb_lite.spec.run_spec import RunSpec

_POLL_SECONDS = 0.5

Say = Callable[[str], None]


def run_experiment(
    experiment: Experiment, specs: Mapping[str, RunSpec], runs_dir: Path, say: Say
) -> State:
    """Run what has not been run; returns the state with every cell's run.

    A run that failed, or that a person stopped, is not tried again: it stands in the report. One
    whose runner died is resumed. Raises PtbLiteError as launching does.
    """
    state = open_state(experiment, runs_dir)
    for number, cell in enumerate(state.cells):
        label = f"{number + 1} of {len(state.cells)}: {cell.arm}, seed {cell.seed}"
        run = run_of(cell, runs_dir)
        if run is None:
            run = RunFolder(launch(specs[f"{cell.arm}/{cell.seed}"], runs_dir))
            # At once: an experiment that is cut off here finds the run again.
            state = with_run(state, number, run.run_id)
            write_state(state, runs_dir)
        elif has_ended(run):
            continue
        elif not run.runner_lives():
            resume(run.path)
        say(f"{label}: {run.run_id} …")
        _wait(run)
        say(f"{label}: {_end(run)}")
    return state


def run_of(cell: CellState, runs_dir: Path) -> RunFolder | None:
    """The cell's run, None while there is none, or when it was deleted."""
    if cell.run_id is None:
        return None
    run = RunFolder(runs_dir.resolve() / cell.run_id)
    return run if run.spec.is_file() else None


def has_ended(run: RunFolder) -> bool:
    return run.read_status().state == "ended"


def _wait(run: RunFolder) -> None:
    while run.runner_lives():
        time.sleep(_POLL_SECONDS)


def _end(run: RunFolder) -> str:
    status, scores = run.read_status(), run.read_scores()
    if status.outcome is not Outcome.FINISHED or scores is None:
        outcome = status.outcome.value if status.outcome else "its runner ended without a word"
        return f"{outcome} {status.detail}".rstrip()
    average = scores.average
    raw = "none" if average.raw is None else f"{average.raw:.1%}"
    return f"{scores.verdict.value}, raw {raw}, counted {average.counted:.1%}"
