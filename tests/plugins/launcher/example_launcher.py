"""A launcher for ptb-lite: each run goes on in the background, as `nohup` and `nice` start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ptb_lite.launchers.protocol import JobState, LauncherError, LauncherSettings
from ptb_lite.runner.launch import note_job, stop
from ptb_lite.runs.folder import RunFolder

NAME = "background"


class BackgroundLauncher:
    """A job's id is the path of its run's folder: the folder says how the run stands."""

    poll_seconds = 0.5
    here = True

    def __init__(self, at_most: int, niceness: int) -> None:
        self._at_most, self._niceness = at_most, niceness
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def room(self, active: int) -> int | None:
        return max(0, self._at_most - active)

    def check(self, runs: Sequence[RunFolder], runs_dir: Path) -> None:
        if shutil.which("nohup") is None:
            raise LauncherError("nohup is not on the path", field="on", hint="Install coreutils")

    def submit(self, runs: Sequence[RunFolder]) -> tuple[str, ...]:
        return tuple(self._start(run) for run in runs)

    def states(self, jobs: Sequence[str]) -> Mapping[str, JobState]:
        return {job: self._state(job) for job in jobs}

    def cancel(self, jobs: Sequence[str]) -> None:
        for job in jobs:
            if RunFolder(Path(job)).runner_lives():
                stop(Path(job))

    def logs(self, run: RunFolder, job: str) -> tuple[Path, ...]:
        return (run.log,)

    def _start(self, run: RunFolder) -> str:
        job = os.fspath(run.path)
        command = ["nohup", "nice", "-n", str(self._niceness)]
        with run.log.open("ab") as log:
            self._started[job] = subprocess.Popen(
                [*command, sys.executable, "-P", "-m", "ptb_lite.runner", job],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        note_job(run, NAME, job)
        return job

    def _state(self, job: str) -> JobState:
        begun = self._started.get(job)
        lives = begun.poll() is None if begun is not None else RunFolder(Path(job)).runner_lives()
        return JobState.RUNNING if lives else JobState.GONE


class Factory:
    """What the entry point names; `options` are those of a person's entry in launchers.yaml."""

    def make(self, settings: LauncherSettings) -> BackgroundLauncher:
        options = dict(settings.options)
        niceness = options.pop("niceness", 10)
        if options or not isinstance(niceness, int):
            raise LauncherError("takes `niceness`, a whole number", field=settings.source)
        return BackgroundLauncher(settings.at_most or 1, niceness)


LAUNCHER = Factory()
