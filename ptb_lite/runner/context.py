"""What every phase is given."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import Field

from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.lm_tasks.find import entry_of
from ptb_lite.evaluation.lm_tasks.task import LmTaskFound
from ptb_lite.events import Outcome, Record, Warned
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter
from ptb_lite.spec.run_spec import RunSpec


class RunStopped(PtbLiteError):  # noqa: N818  (a person's choice, not a fault)
    """A person asked the run to stop in a phase that cannot end early with a result."""


@dataclass(frozen=True)
class PhaseResult:
    """How a phase ended when it did not fail, with one sentence for a reader."""

    outcome: Outcome = Outcome.FINISHED
    detail: str = ""


@dataclass(frozen=True)
class RunContext:
    """One run in one runner process. `stop` is set when a person asks for the end."""

    run: RunFolder
    spec: RunSpec
    catalog: Catalog
    journal: JournalWriter
    stop: threading.Event = field(default_factory=threading.Event)
    owned: threading.Event = field(default_factory=threading.Event)
    """Set when this process has put the workspace's permissions back since its agent ended."""

    def warn(self, message: str) -> None:
        self.journal.write(Warned(message=message))

    def until(self) -> float:
        """When a phase that begins now and does not score has to be over (`time.monotonic`)."""
        return time.monotonic() + 60 * self.spec.phase_minutes

    def check_stop(self) -> None:
        """Raises RunStopped when a person asked for the end."""
        if self.stop.is_set():
            raise RunStopped("the run was stopped")


class PreparedBenchmark(Record):
    """The host's files of one benchmark, relative to the run's folder, and how many are scored.

    `limit` of the `available` items of the test file are scored. `held_out` items of a dataset's
    test set are in another file because the agent may see them: they are not scored. `example`
    shows one question as the model gets it; empty for procedural benchmarks.
    """

    id: str
    train: str
    dev: str
    test: str
    limit: int
    available: int = 0
    held_out: int = 0
    example: str = ""
    lm_task: LmTaskFound | None = None
    """Of one of lm-eval's tasks what was found."""


class Prepared(Record):
    """What the prepare phase found: the content of prepared.json.

    `base_sha256` is of the base model's weights file(s), in name order.
    """

    version: Literal[1] = 1
    base_model: Path
    base_sha256: str
    revisions: dict[str, str] = Field(default_factory=dict)
    """Commit of each Hub repository that the base model and the data came from."""
    benchmarks: tuple[PreparedBenchmark, ...]
    off_target: tuple[PreparedBenchmark, ...] = ()
    """Measured, too; nothing that the agent finds names them."""

    @property
    def measured(self) -> tuple[PreparedBenchmark, ...]:
        """The targets first."""
        return (*self.benchmarks, *self.off_target)


class SubmissionSeen(Record):
    """A change of the submission folder, `seconds` after the agent began."""

    seconds: float
    files: int
    bytes: int
    weights: str = ""
    """SHA-256 of the adapter's weights; empty where there are none, or too many to be read beside
    the agent."""


class AgentTurn(Record):
    """One process of the agent: when it began, after the agent did, and how long it took."""

    began_seconds: float
    seconds: float
    outcome: Outcome


class AgentEnd(Record):
    """The content of agent.json, born with `outcome` None when the agent starts.

    `seconds` is the time of all its processes, `idle_seconds` what it left of the budget, and
    `silent_seconds` the longest time without any output while it ran. `turns` has more than one
    entry when the agent ended early and was asked to go on.
    """

    version: Literal[1] = 1
    started: float
    budget_seconds: float
    outcome: Outcome | None = None
    exit_code: int | None = None
    seconds: float = 0.0
    detail: str = ""
    idle_seconds: float = 0.0
    silent_seconds: float = 0.0
    turns: tuple[AgentTurn, ...] = ()
    submissions: tuple[SubmissionSeen, ...] = ()
    untested: str = ""
    """That its program's version was not tested with this project; empty where it was."""


class Seal(Record):
    """The content of seal.json: what was submitted, and whether it can be scored."""

    version: Literal[1] = 1
    valid: bool
    reason: str
    files: dict[str, str]
    bytes: int
    sha256: str


def prepared_entry(context: RunContext, item: PreparedBenchmark) -> BenchmarkEntry:
    """The catalogue's entry, or what was found of a task of lm-eval."""
    if item.lm_task is not None:
        return entry_of(item.id, item.lm_task)
    return context.catalog.benchmark(item.id)


def base_names(context: RunContext, prepared: Prepared) -> tuple[str, ...]:
    """What an adapter may call its base: the catalogue's id, the Hub's, or the path handed out."""
    entry = context.catalog.model(context.spec.model)
    names = (entry.id, entry.hub_id, str(prepared.base_model))
    return tuple(name for name in names if name is not None)
