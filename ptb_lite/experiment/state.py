"""Which runs of an experiment there are: its state on disk, so that it can go on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Record
from ptb_lite.experiment.plan import Experiment
from ptb_lite.files import read_record, write_record

FOLDER = "experiments"


class CellState(Record):
    """One cell with its run's id, None while it has none. Noted before the run is waited for."""

    arm: str
    seed: int
    run_id: str | None = None


class State(Record):
    """The content of experiments/NAME.json in the runs' folder, cells in the order of running."""

    version: Literal[1] = 1
    name: str
    title: str
    digest: str
    cells: tuple[CellState, ...]


def state_path(runs_dir: Path, name: str) -> Path:
    return runs_dir / FOLDER / f"{name}.json"


def open_state(experiment: Experiment, runs_dir: Path) -> State:
    """The state on disk, or a fresh one that is written.

    Raises PtbLiteError when there is one of another plan under the same name.
    """
    path = state_path(runs_dir, experiment.plan.id)
    if path.exists():
        found = read_record(path, State)
        if found.digest != experiment.digest:
            raise PtbLiteError(
                "was begun with another content of the file",
                field=f"experiment {experiment.plan.id}",
                hint=f"Give the new one another name, or move {path} away",
            )
        return found
    state = State(
        name=experiment.plan.id,
        title=experiment.plan.title,
        digest=experiment.digest,
        cells=tuple(CellState(arm=cell.arm, seed=cell.seed) for cell in experiment.cells),
    )
    write_state(state, runs_dir)
    return state


def write_state(state: State, runs_dir: Path) -> None:
    path = state_path(runs_dir, state.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_record(path, state)


def with_run(state: State, number: int, run_id: str) -> State:
    """The state with a run for cell `number`."""
    cells = list(state.cells)
    cells[number] = cells[number].model_copy(update={"run_id": run_id})
    return state.model_copy(update={"cells": tuple(cells)})
