"""How an experiment stands, arm by arm: queued, running, done, failed. Reads runs only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.experiment.execute import run_of
from ptb_lite.experiment.state import CellState, State, begun_experiments
from ptb_lite.text import one_line, visible

NONE_BEGUN = "No experiment was begun in this folder of runs."


@dataclass(frozen=True)
class Progress:
    """Counts of an arm's cells."""

    arm: str
    waiting: int = 0
    """Without a run, or with one that nothing has begun."""
    running: int = 0
    done: int = 0
    failed: int = 0
    """Failed or stopped: in the report as unfinished."""
    interrupted: int = 0
    """Scored, but with a part of the agent's time lost."""


def progress(state: State, arms: Sequence[str], runs_dir: Path) -> tuple[Progress, ...]:
    """One line an arm, in the given order. Raises PtbLiteError for a damaged run."""
    found = []
    for arm in arms:
        kinds = [_kind(cell, runs_dir) for cell in state.cells if cell.arm == arm]
        found.append(
            Progress(
                arm,
                waiting=kinds.count("waiting"),
                running=kinds.count("running"),
                done=kinds.count("done"),
                failed=kinds.count("failed"),
                interrupted=kinds.count("interrupted"),
            )
        )
    return tuple(found)


def experiments_text(runs_dir: Path) -> str:
    """Every experiment of a folder of runs with its arms, for the app."""
    parts = []
    for state in begun_experiments(runs_dir):
        arms = tuple(dict.fromkeys(cell.arm for cell in state.cells))
        try:
            lines = list(progress_lines(progress(state, arms, runs_dir)))
        except (PtbLiteError, OSError) as error:
            lines = [f"cannot be read: {error}"]
        head = one_line(f"{state.name}: {state.title}", 200)
        parts.append("\n".join(map(visible, (head, *lines))))
    return "\n\n".join(parts) or NONE_BEGUN


def progress_lines(found: Sequence[Progress]) -> Iterator[str]:
    """A table of plain lines."""
    width = max((len(one.arm) for one in found), default=3)
    yield f"{'arm':<{width}}  waiting  running  done  failed  interrupted"
    for one in found:
        counts = f"{one.waiting:>7}  {one.running:>7}  {one.done:>4}  {one.failed:>6}"
        counts += f"  {one.interrupted:>11}"
        yield f"{one.arm:<{width}}  {counts}"


def _kind(cell: CellState, runs_dir: Path) -> str:
    run = run_of(cell, runs_dir)
    if run is None:
        return "waiting"
    status = run.read_status()
    if status.state == "ended":
        if not status.complete:
            return "failed"
        return "done" if status.outcome is Outcome.FINISHED else "interrupted"
    if run.runner_lives():
        return "running"
    return "waiting" if status.phase is None else "failed"
