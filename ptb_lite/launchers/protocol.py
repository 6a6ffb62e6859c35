"""What a launcher has to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ptb_lite.errors import PtbLiteError
from ptb_lite.runs.folder import RunFolder


class LauncherError(PtbLiteError):
    """A run cannot be carried out where it was asked for."""


class JobState(StrEnum):
    """What a scheduler says of a job. How its run ended stands in the run's folder."""

    QUEUED = "queued"
    RUNNING = "running"
    GONE = "gone"
    """It has ended, or nobody knows it any more."""


@dataclass(frozen=True)
class LauncherSettings:
    """How a launcher is to work: a person's entry in `launchers.yaml`, and the command's options.

    `at_most` runs go on at a time (None: as many as the launcher likes). `options` are the entry's
    fields, validated by the launcher itself.
    """

    at_most: int | None = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str = "launchers.yaml"
    """Where the options stand, for error messages."""


class Launcher(Protocol):
    """Carries out runs whose folders exist. All methods raise LauncherError."""

    @property
    def poll_seconds(self) -> float:
        """How often `states` may be called."""

    here: bool
    """Whether this machine carries the runs out, so that it has to be able to (left out: it is)."""

    def room(self, active: int) -> int | None:
        """How many more runs it takes while `active` are under way; None: all there are."""

    def check(self, runs: Sequence[RunFolder], runs_dir: Path) -> None:
        """Raise for what would keep the runs from starting, before anything is submitted."""

    def submit(self, runs: Sequence[RunFolder]) -> tuple[str, ...]:
        """Begin or continue runs; a job's id for each."""

    def states(self, jobs: Sequence[str]) -> Mapping[str, JobState]:
        """What became of jobs, in one question for all."""

    def cancel(self, jobs: Sequence[str]) -> None:
        """End jobs: their agents are ended, and what they had submitted is sealed."""

    def logs(self, run: RunFolder, job: str) -> tuple[Path, ...]:
        """Files with what a job printed; they need not exist yet."""


def runs_here(launcher: Launcher) -> bool:
    """Whether this machine carries the runs out; a plugin of before 2027 does not say."""
    return bool(getattr(launcher, "here", True))


@runtime_checkable
class LauncherFactory(Protocol):
    """The plugin: what an entry point of the group `ptb_lite.launchers` names."""

    def make(self, settings: LauncherSettings) -> Launcher:
        """Raises LauncherError where this machine cannot use it, or an option is wrong."""
