"""More seeds of one set of choices, as an experiment of one arm: how far a score spreads."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import yaml

from ptb_lite.experiment.plan import read_experiment
from ptb_lite.experiment.state import FOLDER, claim, experiment_salt
from ptb_lite.files import write_text
from ptb_lite.installation import own_program
from ptb_lite.spec.presets import Choices
from ptb_lite.spec.run_spec import RunSpec

SEEDS = 3


def seeds_to_run(first: int, known: Mapping[int, str]) -> tuple[int, ...]:
    """The seeds that are still to run, from `first` on: so many that there are three, or two more
    than there are."""
    wanted = SEEDS if len(known) < SEEDS else len(known) + 2
    more = (seed for seed in range(first, 2**32) if seed not in known)
    return tuple(next(more) for _ in range(wanted - len(known)))


def plan_seeds(spec: RunSpec, runs_dir: Path, known: Mapping[int, str]) -> Path:
    """Write the experiment of a spec with more seeds; returns its file.

    `known` are the ids of runs that have ended, by seed: they are its first cells. Raises OSError.
    """
    named = min(known.values()) if known else f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    path = runs_dir / FOLDER / f"seeds-{named}.yaml"
    chosen = spec.model_dump(mode="json", include=set(Choices.model_fields) - {"seed"})
    plan = {
        "title": f"{spec.model}, {spec.agent}: the spread over seeds",
        "choices": {name: value for name, value in chosen.items() if value is not None},
        "seeds": [*sorted(known), *seeds_to_run(spec.seed, known)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, yaml.safe_dump(plan, sort_keys=False, allow_unicode=True))
    experiment = read_experiment(path)
    # All are scored on the items of the runs that there are.
    experiment_salt(experiment, runs_dir, spec.item_salt)
    for cell in experiment.cells:
        if cell.seed in known:
            claim(experiment, cell, known[cell.seed], runs_dir)
    return path


def start_experiment(path: Path, runs_dir: Path) -> None:
    """Carry an experiment out in a session of its own, one run after another; what it says goes
    into a file among the runs' experiments. Raises OSError."""
    command = own_program("ptb_lite", "experiment", os.fspath(path))
    said = runs_dir / FOLDER / f"{path.stem}.log"
    said.parent.mkdir(parents=True, exist_ok=True)
    with said.open("ab") as log:
        subprocess.Popen(
            [*command, "--runs-dir", os.fspath(runs_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
