"""Carries out the cells of an experiment; what was begun before is taken up again."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ptb_lite.events import Outcome
from ptb_lite.experiment.plan import Cell, Experiment
from ptb_lite.experiment.state import (
    CellState,
    State,
    claim,
    forget,
    note_plan,
    read_cell,
    read_state,
)
from ptb_lite.launchers.protocol import JobState, Launcher
from ptb_lite.moments import seconds_since
from ptb_lite.runner.launch import START_SECONDS, make_run
from ptb_lite.runs.folder import RunFolder
from ptb_lite.spec.run_spec import RunSpec

Say = Callable[[str], None]


@dataclass(frozen=True)
class Watched:
    """A run that is waited for. `job` is empty where somebody else carries it out."""

    number: int
    label: str
    run: RunFolder
    job: str = ""


def run_experiment(
    experiment: Experiment,
    specs: Mapping[str, RunSpec],
    runs_dir: Path,
    say: Say,
    launcher: Launcher,
    only: int | None = None,
) -> State:
    """Run what has not been run; returns the state with every cell's run.

    `only` is the number of the one cell to run, from 1 in the order of running. A run that failed,
    or that a person stopped, is not tried again: it stands in the report. One whose runner died is
    continued. What another process has begun is waited for. Raises PtbLiteError as launching does.
    """
    note_plan(experiment, runs_dir)
    waiting = deque(enumerate(experiment.cells, start=1))
    if only is not None:
        waiting = deque(pair for pair in waiting if pair[0] == only)
    watched: list[Watched] = []
    checked = False
    while waiting or watched:
        room = launcher.room(sum(bool(one.job) for one in watched))
        taken: list[tuple[Watched, bool]] = []
        while waiting and (room is None or len(taken) < room):
            number, cell = waiting.popleft()
            label = f"{number} of {len(experiment.cells)}: {cell.arm}, seed {cell.seed}"
            run, is_new = _run_for(experiment, cell, specs[cell.key], runs_dir)
            if not has_ended(run):
                taken.append((Watched(number, label, run), is_new))
        # A scheduler is asked once a round, however many runs there are.
        others = [one for one, is_new in taken if not is_new]
        states = launcher.states(_jobs([*watched, *others]))
        watched, orphaned = _still_going(watched, states, say)
        waiting.extend((one.number, experiment.cells[one.number - 1]) for one in orphaned)
        cared_for = [one for one in others if _is_cared_for(one.run, states)]
        watched += cared_for
        batch = [one for one, _ in taken if one not in cared_for]
        if batch:
            runs = [one.run for one in batch]
            if not checked:
                launcher.check(runs, runs_dir)
                checked = True
            jobs = launcher.submit(runs)
            watched += [replace(one, job=job) for one, job in zip(batch, jobs, strict=True)]
            for one in batch:
                say(f"{one.label}: {one.run.run_id} …")
        if watched:
            time.sleep(launcher.poll_seconds)
    return read_state(experiment, runs_dir)


def run_of(cell: CellState, runs_dir: Path) -> RunFolder | None:
    """The cell's run, None while there is none, or when it was deleted."""
    if cell.run_id is None:
        return None
    run = RunFolder(runs_dir.resolve() / cell.run_id)
    return run if run.spec.is_file() else None


def has_ended(run: RunFolder) -> bool:
    return run.read_status().state == "ended"


def _run_for(
    experiment: Experiment, cell: Cell, spec: RunSpec, runs_dir: Path
) -> tuple[RunFolder, bool]:
    """The cell's run, and whether it was made and claimed for it just now."""
    while True:
        found = read_cell(experiment, cell, runs_dir)
        run = run_of(found, runs_dir)
        if run is not None:
            return run, False
        if found.run_id is not None:
            forget(experiment, cell, runs_dir)
        made = make_run(spec, runs_dir)
        # At once: an experiment that is cut off here finds the run again.
        if claim(experiment, cell, made.run_id, runs_dir):
            return made, True
        shutil.rmtree(made.path)


def _jobs(watched: Sequence[Watched]) -> list[str]:
    """Whoever submitted them."""
    found = (one.job or one.run.read_status().job for one in watched)
    return [job for job in found if job]


def _is_cared_for(run: RunFolder, states: Mapping[str, JobState]) -> bool:
    """Whether somebody carries the run out: its runner, a scheduler, or a process that has made it
    a moment ago and is about to begin it."""
    if run.runner_lives():
        return True
    status = run.read_status()
    if status.job:
        # One that was submitted after the question counts as going on: the next round says.
        return states.get(status.job, JobState.QUEUED) is not JobState.GONE
    age = seconds_since(status.moment)
    if age is None:
        # Made on another machine, or before this one's last start.
        age = (datetime.now(UTC) - status.started).total_seconds()
    return status.phase is None and 0 <= age < START_SECONDS


def _still_going(
    watched: list[Watched], states: Mapping[str, JobState], say: Say
) -> tuple[list[Watched], list[Watched]]:
    """Those that go on, and those that somebody else has left behind."""
    going, orphaned = [], []
    for one in watched:
        if has_ended(one.run) or (one.job and states[one.job] is JobState.GONE):
            say(f"{one.label}: {_end(one.run)}")
        elif one.job or _is_cared_for(one.run, states):
            going.append(one)
        else:
            orphaned.append(one)
    return going, orphaned


def _end(run: RunFolder) -> str:
    status, scores = run.read_status(), run.read_scores()
    if not status.complete or scores is None:
        outcome = status.outcome.value if status.outcome else "its runner ended without a word"
        return f"{outcome} {status.detail}".rstrip()
    if status.outcome is Outcome.INTERRUPTED:
        return f"interrupted: {status.detail}"
    if scores.no_score:
        return f"{scores.no_score}; {scores.verdict.value}"
    average = scores.average
    raw = "none" if average.raw is None else f"{average.raw:.1%}"
    return f"{scores.verdict.value}, raw {raw}, counted {average.counted:.1%}"
