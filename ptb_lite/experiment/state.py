"""Which runs of an experiment there are: one small file a cell, so that it can go on.

`experiments/NAME/` in the runs' folder. A cell belongs to who made its file, which only one can:
two processes on one experiment share the work. Arms and seeds may be added to the plan later.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Record
from ptb_lite.experiment.plan import Cell, Experiment
from ptb_lite.files import read_record, write_record
from ptb_lite.installation import item_salt

FOLDER = "experiments"
_PLAN = "plan.json"
_MOST_LISTED = 20


class CellState(Record):
    """One cell with its run's id, None while it has none. `digest` is that of its choices."""

    version: Literal[1] = 1
    arm: str
    seed: int
    run_id: str | None = None
    digest: str = ""


class State(Record):
    """All cells of an experiment, in the order of running."""

    version: Literal[1] = 1
    name: str
    title: str
    digest: str = ""
    cells: tuple[CellState, ...]


def read_state(experiment: Experiment, runs_dir: Path) -> State:
    """What there is of every cell.

    Raises PtbLiteError for a cell that was begun with other choices, or a damaged file.
    """
    earlier = _earlier(experiment, runs_dir)
    cells = (_read(experiment, cell, runs_dir, earlier) for cell in experiment.cells)
    return State(name=experiment.plan.id, title=experiment.plan.title, cells=tuple(cells))


def read_cell(experiment: Experiment, cell: Cell, runs_dir: Path) -> CellState:
    """What there is of one cell. Raises as `read_state` does."""
    return _read(experiment, cell, runs_dir, _earlier(experiment, runs_dir))


def _read(
    experiment: Experiment, cell: Cell, runs_dir: Path, earlier: Mapping[str, CellState]
) -> CellState:
    path = cell_path(experiment, cell, runs_dir)
    found = read_record(path, CellState) if path.exists() else earlier.get(cell.key)
    if found is None:
        found = CellState(arm=cell.arm, seed=cell.seed)
    if found.digest and found.digest != cell.digest:
        raise PtbLiteError(
            f"'{cell.key}' was begun with other choices",
            field=f"experiment {experiment.plan.id}",
            hint=f"Give the arm another name, or move {path} away",
        )
    return found


def note_plan(experiment: Experiment, runs_dir: Path) -> None:
    """Keep which cells there are beside them, for who has not the plan's file. Raises OSError."""
    path = runs_dir / FOLDER / experiment.plan.id / _PLAN
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = tuple(CellState(arm=cell.arm, seed=cell.seed) for cell in experiment.cells)
    write_record(path, State(name=experiment.plan.id, title=experiment.plan.title, cells=cells))


def begun_experiments(runs_dir: Path) -> tuple[State, ...]:
    """What there is of every experiment that was begun in a folder of runs, the newest first.

    One that cannot be read is left out.
    """
    plans = sorted((runs_dir / FOLDER).glob(f"*/{_PLAN}"), key=_written, reverse=True)
    found = []
    for plan in plans[:_MOST_LISTED]:
        with suppress(PtbLiteError, OSError):
            state = read_record(plan, State)
            cells = tuple(_with_run(cell, plan.parent) for cell in state.cells)
            found.append(state.model_copy(update={"cells": cells}))
    return tuple(found)


def _with_run(cell: CellState, folder: Path) -> CellState:
    path = folder / f"{cell.arm}.{cell.seed}.json"
    return read_record(path, CellState) if path.is_file() else cell


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def claim(experiment: Experiment, cell: Cell, run_id: str, runs_dir: Path) -> bool:
    """Make a run the cell's; False where it has one already. Raises OSError."""
    path = cell_path(experiment, cell, runs_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = CellState(arm=cell.arm, seed=cell.seed, run_id=run_id, digest=cell.digest)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        write_record(draft, made)
        try:
            # Whole at once, and only one of many can.
            os.link(draft, path)
        except FileExistsError:
            return False
    return True


def forget(experiment: Experiment, cell: Cell, runs_dir: Path) -> None:
    """Give a cell free whose run was deleted."""
    cell_path(experiment, cell, runs_dir).unlink(missing_ok=True)


def experiment_salt(experiment: Experiment, runs_dir: Path, first: str = "") -> str:
    """The secret that the items of all runs are drawn from, so that machines without a common home
    draw the same. Made at the first call, `first` or the installation's. Raises PtbLiteError,
    OSError."""
    path = runs_dir / FOLDER / experiment.plan.id / "item-salt"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        salt = first or item_salt()
        stream.write(salt)
    return salt


def cell_path(experiment: Experiment, cell: Cell, runs_dir: Path) -> Path:
    return runs_dir / FOLDER / experiment.plan.id / f"{cell.arm}.{cell.seed}.json"


def _earlier(experiment: Experiment, runs_dir: Path) -> dict[str, CellState]:
    """Cells of an experiment that was begun when all stood in one file."""
    path = runs_dir / FOLDER / f"{experiment.plan.id}.json"
    if not path.is_file():
        return {}
    return {f"{cell.arm}/{cell.seed}": cell for cell in read_record(path, State).cells}
