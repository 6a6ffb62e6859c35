"""This machine: each run's runner is a process in a session of its own.

With several GPUs each run gets one of its own by `CUDA_VISIBLE_DEVICES`, which the runner hands on
to everything that it starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ptb_lite.errors import PtbLiteError
from ptb_lite.launchers.protocol import JobState, LauncherError, LauncherSettings
from ptb_lite.runner.launch import begin, stop
from ptb_lite.runs.folder import RunFolder


class LocalOptions(BaseModel):
    """The entry of a local launcher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpus: tuple[str, ...] = ()
    """Indexes, UUIDs or MIG ids of GPUs, one run on each; empty: whatever the machine shows."""


class LocalLauncher:
    """Runs on this machine, `at_most` at a time; a job's id is its run's id."""

    poll_seconds = 0.5
    here = True

    def __init__(self, options: LocalOptions, at_most: int) -> None:
        if options.gpus and at_most > len(options.gpus):
            raise LauncherError(
                f"{at_most} runs at a time on {len(options.gpus)} GPUs",
                field="parallel",
                hint="Give at most as many as there are GPUs",
            )
        self._at_most = at_most
        self._gpus = options.gpus
        self._runs: dict[str, RunFolder] = {}
        self._gpu_of: dict[str, str] = {}

    def room(self, active: int) -> int | None:
        return max(0, self._at_most - active)

    def check(self, runs: Sequence[RunFolder], runs_dir: Path) -> None:
        """Nothing beyond what the preflight of a run says."""

    def submit(self, runs: Sequence[RunFolder]) -> tuple[str, ...]:
        for run in runs:
            gpu = self._free_gpu()
            begin(run, {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {})
            self._runs[run.run_id] = run
            if gpu:
                self._gpu_of[run.run_id] = gpu
        return tuple(run.run_id for run in runs)

    def states(self, jobs: Sequence[str]) -> Mapping[str, JobState]:
        return {job: self._state(job) for job in jobs}

    def cancel(self, jobs: Sequence[str]) -> None:
        for job in jobs:
            run = self._runs.get(job)
            if run is not None and run.runner_lives():
                try:
                    stop(run.path)
                except PtbLiteError:
                    continue  # It ended by itself in between.

    def logs(self, run: RunFolder, job: str) -> tuple[Path, ...]:
        del job
        return (run.log,)

    def _state(self, job: str) -> JobState:
        run = self._runs.get(job)
        if run is not None and run.runner_lives():
            return JobState.RUNNING
        self._gpu_of.pop(job, None)
        return JobState.GONE

    def _free_gpu(self) -> str:
        for job in list(self._gpu_of):
            self._state(job)
        taken = set(self._gpu_of.values())
        return next((gpu for gpu in self._gpus if gpu not in taken), "")


class _Factory:
    def make(self, settings: LauncherSettings) -> LocalLauncher:
        try:
            options = LocalOptions.model_validate(dict(settings.options))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise LauncherError(first["msg"], field=f"{settings.source}.{where}") from error
        return LocalLauncher(options, settings.at_most or 1)


LAUNCHER = _Factory()
