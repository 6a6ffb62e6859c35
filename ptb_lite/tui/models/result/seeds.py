"""Runs that differ from one another in their seed alone, what they counted, and more of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.experiment.seeds import plan_seeds, seeds_to_run, start_experiment
from ptb_lite.runs.folder import RunFolder, list_runs
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import duration, plural

# What lies further back was seldom meant as one of a series.
_NEWEST = 50
_OWN = {"seed", "item_salt", "packages", "preset"}


@dataclass(frozen=True)
class SeedRun:
    """A run that has a score: its id, and what it counted, in [0, 1]."""

    run_id: str
    counted: float


def runs_by_seed(run: RunFolder) -> dict[int, SeedRun]:
    """The runs beside this one with the same choices and a score, and this one, by seed."""
    found: dict[int, SeedRun] = {}
    with suppress(PtbLiteError, OSError):
        choices = run.read_spec().model_dump(exclude=_OWN)
        for other in [*list_runs(run.path.parent)[-_NEWEST:], run]:
            with suppress(PtbLiteError, OSError):
                spec = other.read_spec()
                scores = other.read_scores()
                if scores is None or scores.no_score or scores.average.counted is None:
                    continue
                if scores.time.agent_outcome is Outcome.INTERRUPTED:
                    continue
                if spec.model_dump(exclude=_OWN) == choices:
                    found[spec.seed] = SeedRun(other.run_id, scores.average.counted)
    return found


def counted_by_seed(run: RunFolder) -> dict[int, float]:
    """Their counted averages."""
    return {seed: each.counted for seed, each in runs_by_seed(run).items()}


@dataclass(frozen=True)
class SeedsOffer:
    """More seeds of a spec: `known` are the ids of runs that there are, by seed."""

    spec: RunSpec
    runs_dir: Path
    known: dict[int, str]
    seconds: float | None = None

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that would be run."""
        return seeds_to_run(self.spec.seed, self.known)

    @property
    def title(self) -> str:
        return f"Run {plural(len(self.seeds), 'seed')}?"

    def question(self) -> str:
        """What is asked before."""
        seeds = ", ".join(map(str, self.seeds))
        each = f" The run here took {duration(self.seconds)}." if self.seconds else ""
        return (
            f"{plural(len(self.seeds), 'run')} with the same choices and the seeds {seeds} begin, "
            f"one after another, as an experiment.{each} They stand in History as they come; "
            "leaving the app ends none. The spread over seeds then stands in each result."
        )

    def start(self) -> str:
        """Start them; returns what to say. Raises PtbLiteError and OSError."""
        from ptb_lite.catalog import load_catalog
        from ptb_lite.doctor.preflight import find_problems  # asks what few screens need

        problems = find_problems(self.spec, load_catalog(), self.runs_dir)
        if problems:
            raise PtbLiteError(f"Not started: {'; '.join(map(str, problems))}")
        path = plan_seeds(self.spec, self.runs_dir.resolve(), self.known)
        start_experiment(path, self.runs_dir.resolve())
        return f"Started: `ptb-lite experiment {path}` shows how far they are."


def offer_seeds(run: RunFolder) -> SeedsOffer:
    """More seeds of a run's choices. Raises PtbLiteError where its spec cannot be read."""
    status = run.read_status()
    took = (status.ended - status.started).total_seconds() if status.ended else None
    known = {seed: each.run_id for seed, each in runs_by_seed(run).items()}
    return SeedsOffer(run.read_spec(), run.path.parent, known, took)
