"""An experiment of a person's own file, to be asked about and started; figures of those begun."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.experiment.figures import Figure, figures
from ptb_lite.experiment.plan import Experiment, experiment_file, read_experiment, specs
from ptb_lite.experiment.progress import NONE_BEGUN
from ptb_lite.experiment.report import make_report
from ptb_lite.experiment.seeds import start_experiment
from ptb_lite.experiment.state import begun_experiments, experiment_salt
from ptb_lite.text import one_line, plural


@dataclass(frozen=True)
class PlanOffer:
    """The runs of an experiment's file, as `ptb-lite experiment FILE` starts them."""

    file: Path
    experiment: Experiment
    runs_dir: Path

    @property
    def title(self) -> str:
        return f"Start {plural(len(self.experiment.cells), 'run')}?"

    def question(self) -> str:
        """What is asked before."""
        arms = plural(len(self.experiment.arms), "arm")
        seeds = plural(len(self.experiment.plan.seeds), "seed")
        return (
            f"{self.experiment.plan.title}: {arms}, {seeds} each, in random order, one"
            " after another; what there is already is not run again. They stand "
            "in History as they come; leaving the app ends none."
        )

    def start(self) -> str:
        """Start them; returns what to say. Raises PtbLiteError and OSError."""
        from ptb_lite.catalog import load_catalog
        from ptb_lite.doctor.preflight import preflight  # asks what few screens need

        catalog, runs_dir = load_catalog(), self.runs_dir.resolve()
        found = specs(self.experiment, catalog, experiment_salt(self.experiment, runs_dir))
        for arm in self.experiment.arms:
            try:
                preflight(found[f"{arm}/{self.experiment.plan.seeds[0]}"], catalog, runs_dir)
            except PtbLiteError as error:
                raise PtbLiteError(f"Not started: arm {arm}: {error}") from error
        start_experiment(self.file.resolve(), runs_dir)
        return f"Started: `ptb-lite experiment {self.file} --status` shows how far they are."


def offer_plan(named: str, runs_dir: Path) -> PlanOffer:
    """The experiment of a file, or of one that comes with ptb-lite. Raises PtbLiteError."""
    file = experiment_file(Path(named).expanduser())
    return PlanOffer(file, read_experiment(file), runs_dir)


@dataclass(frozen=True)
class FiguresView:
    """The figures of one of the experiments that were begun in a folder, the newest first.

    `at` counts from 0 and is within `count`; `problem` says why there are no figures.
    """

    title: str
    at: int
    count: int
    figures: tuple[Figure, ...] = ()
    problem: str = ""


def figures_view(runs_dir: Path, at: int) -> FiguresView:
    """Reads the scores of the experiment's runs that have ended; `at` may go round."""
    begun = begun_experiments(runs_dir)
    if not begun:
        return FiguresView("Figures", 0, 0, problem=NONE_BEGUN)
    at %= len(begun)
    state = begun[at]
    title = one_line(f"{state.name}: {state.title}", 200)
    arms = tuple(dict.fromkeys(cell.arm for cell in state.cells))
    try:
        found = figures(make_report(state, arms, runs_dir))
    except (PtbLiteError, OSError) as error:
        return FiguresView(title, at, len(begun), problem=f"cannot be read: {error}")
    problem = "" if found else "No run of it has ended yet."
    return FiguresView(title, at, len(begun), found, problem)
