"""Slurm, through submitit: one job a run, an array where there are several.

The job is the run's runner (`slurm_job.py`); how a run stands is read from its folder, which the
nodes must share. Time asked of the partition is the agent's time and an allowance for everything
else (`overhead_minutes`).
"""

from __future__ import annotations

import json
import math
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ptb_lite.catalog.yaml_file import plain_message
from ptb_lite.launchers.protocol import JobState, LauncherError, LauncherSettings
from ptb_lite.launchers.slurm_job import RunJob
from ptb_lite.runner.launch import note_job
from ptb_lite.runs.folder import RunFolder

FOLDER = "slurm"
"""Below the runs' folder: submitit's batch files, pickles and logs."""
_SECONDS = 60.0
_ARRAY = 1000
"""Jobs of one array: Slurm's MaxArraySize is 1001 unless somebody raised it."""
_QUEUED = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"}
_RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
# What srun says when --immediate has passed.
_NOT_FREE = (
    "Unable to allocate resources: Requested nodes are busy",
    "Job allocation",
    "Immediate",
)
# Options of batch jobs that srun has not, or that would make the probe another job.
_NOT_OF_STEPS = {"array", "requeue", "no_requeue", "output", "error", "open_mode", "time", "signal"}
_MOST_PROBED = 50
_LIMIT = re.compile(r"(?:(?P<days>\d+)-)?(?P<parts>\d+(?::\d+){0,2})")


class SlurmOptions(BaseModel):
    """A Slurm entry of `launchers.yaml`; what is left out is the cluster's own default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    gres: str | None = None
    """For example `gpu:1`."""
    constraint: str | None = None
    cpus: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Of one job."""
    memory_gb: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """Of one job, in GB."""
    overhead_minutes: Annotated[float, Field(ge=1, le=7 * 24 * 60)] = 60
    """Asked for beside the agent's time: preparing, baselines, audit and scores."""
    signal_seconds: Annotated[int, Field(ge=30, le=3600)] = 300
    """How long before its limit a job is told, to seal and score what there is."""
    extra: dict[str, str | int | bool] = Field(default_factory=dict)
    """More of sbatch's options by their long names without dashes in front."""
    setup: tuple[str, ...] = ()
    """Shell lines before the job's command: modules, a virtual environment."""
    probe_minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 10
    """How long to wait for a node that says what it sees and can do; 0: do not ask."""
    python: str | None = None
    """The command that starts Python on a node, a container's included; None: this Python."""

    def asked(self) -> dict[str, str | int]:
        """What a job asks for beside its time, by sbatch's names with underscores."""
        memory = None if self.memory_gb is None else f"{round(self.memory_gb * 1000)}M"
        found = {
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "gres": self.gres,
            "constraint": self.constraint,
            "cpus_per_task": self.cpus,
            "mem": memory,
        }
        return {name: value for name, value in found.items() if value is not None}


class SlurmLauncher:
    """Jobs of Slurm; `at_most` of them at a time (None: as many as the cluster likes)."""

    poll_seconds = 12.0
    here = False

    def __init__(self, options: SlurmOptions, at_most: int | None, source: str) -> None:
        for program in ("sbatch", "squeue", "srun"):
            if shutil.which(program) is None:
                raise LauncherError(
                    f"{program} is not on the path",
                    field="on",
                    hint="Run this on the cluster's login node, or load its Slurm module",
                )
        self._options, self._at_most, self._source = options, at_most, source
        self._asked: float | None = None

    def room(self, active: int) -> int | None:
        if self._at_most is None:
            return max(0, _ARRAY - active)
        # Slurm's own queue keeps to it, within one array: so one array after another.
        return 0 if active else _ARRAY

    def check(self, runs: Sequence[RunFolder], runs_dir: Path) -> None:
        """Partition, time limit and, by a job of its own, what a node sees and can do."""
        limit = self._partition_minutes()
        longest = max((self._minutes(run) for run in runs), default=0.0)
        if limit is not None and longest > limit:
            raise LauncherError(
                f"{longest:.0f} minutes are needed and the partition allows {limit:.0f}",
                field="budget",
                hint="Choose a shorter time or another partition",
            )
        if not self._options.probe_minutes:
            return
        found = self._probe(runs, runs_dir)
        if not (found.get("sees") and found.get("writes")):
            raise LauncherError(
                f"the node {found.get('host', '?')} does not see this folder, or may not write",
                field="runs-dir",
                hint="Give a --runs-dir on a file system that the nodes share",
            )
        problems = found.get("problems")
        if isinstance(problems, list) and problems:
            raise LauncherError(
                f"on the node {found.get('host', '?')}: {'; '.join(map(str, problems))}",
                field=self._source,
            )

    def submit(self, runs: Sequence[RunFolder]) -> tuple[str, ...]:
        import submitit

        if not runs:
            return ()
        executor = submitit.SlurmExecutor(
            folder=runs[0].path.parent / FOLDER / "%j", python=self._options.python
        )
        executor.update_parameters(**self._parameters(runs))
        grace = max(10.0, self._options.signal_seconds - 20.0)
        self._wait_to_ask()
        try:
            with executor.batch():
                jobs = [executor.submit(RunJob(str(run.path), grace)) for run in runs]
        except (submitit.core.utils.FailedJobError, OSError, RuntimeError) as error:
            raise LauncherError(f"sbatch refused: {_short(str(error))}", field="on") from error
        ids = tuple(str(job.job_id) for job in jobs)
        for run, job in zip(runs, ids, strict=True):
            note_job(run, "slurm", job)
        return ids

    def states(self, jobs: Sequence[str]) -> Mapping[str, JobState]:
        if not jobs:
            return {}
        self._wait_to_ask()
        told = self._ask(["squeue", "--noheader", "--array", "--all", "--me", "-o", "%i|%T"])
        known = dict(line.strip().split("|", 1) for line in told.splitlines() if "|" in line)
        return {job: _state(known.get(job)) for job in jobs}

    def _wait_to_ask(self) -> None:
        """One request in `poll_seconds`, whatever it asks: many people share a scheduler."""
        if self._asked is not None:
            time.sleep(max(0.0, self._asked + self.poll_seconds - time.monotonic()))
        self._asked = time.monotonic()

    def cancel(self, jobs: Sequence[str]) -> None:
        if jobs:
            # Its processes alone: a job that is cancelled whole is killed before it can score.
            self._ask(["scancel", "--signal=TERM", "--state=RUNNING", *jobs])
            self._ask(["scancel", "--state=PENDING", *jobs])

    def logs(self, run: RunFolder, job: str) -> tuple[Path, ...]:
        folder = run.path.parent / FOLDER / job
        return (run.log, folder / f"{job}_0_log.out", folder / f"{job}_0_log.err")

    def _parameters(self, runs: Sequence[RunFolder]) -> dict[str, Any]:
        chosen = self._options
        found: dict[str, Any] = {
            "job_name": "ptb-lite",
            "time": math.ceil(max(self._minutes(run) for run in runs)),
            "signal_delay_s": chosen.signal_seconds,
            "array_parallelism": self._at_most or len(runs),
            **chosen.asked(),
            "setup": list(chosen.setup) or None,
            "additional_parameters": {"requeue": True, **chosen.extra},
        }
        return {key: value for key, value in found.items() if value is not None}

    def _minutes(self, run: RunFolder) -> float:
        return run.read_spec().budget_minutes + self._options.overhead_minutes

    def _partition_minutes(self) -> float | None:
        """The partition's limit, None for none. Raises for a partition that is not there."""
        name = self._options.partition
        asked = ["--partition", name] if name else []
        told = self._ask(["sinfo", "--noheader", "-o", "%P|%l", *asked]).split()
        if name and not told:
            raise LauncherError(
                f"there is no partition '{name}'",
                field=f"{self._source}.partition",
                hint="`sinfo` lists them",
            )
        rows = [row.split("|", 1) for row in told if "|" in row]
        default = [limit for row, limit in rows if name or row.endswith("*")]
        return _minutes_of(default[0]) if default else None

    def _probe(self, runs: Sequence[RunFolder], runs_dir: Path) -> Mapping[str, Any]:
        runs_dir.mkdir(parents=True, exist_ok=True)
        token = f".probe-{secrets.token_hex(4)}"
        (runs_dir / token).touch()
        try:
            told, refused = self._run_probe(runs_dir.resolve(), token, _unlike(runs))
        finally:
            (runs_dir / token).unlink(missing_ok=True)
        try:
            found = json.loads(told.strip().splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise self._without_answer(refused) from error
        return found if isinstance(found, dict) else {}

    def _run_probe(self, runs_dir: Path, token: str, run_ids: Sequence[str]) -> tuple[str, str]:
        """What a node printed, and what srun said: asked as the runs ask, after the same lines."""
        chosen = self._options
        extra = {name.replace("-", "_"): value for name, value in chosen.extra.items()}
        asked = [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value in {**chosen.asked(), **extra}.items()
            if value is not False and name not in _NOT_OF_STEPS
        ]
        python = chosen.python or shlex.quote(sys.executable)
        probe = f"exec {python} -m ptb_lite.launchers.probe {shlex.quote(str(runs_dir))} {token}"
        probe = " ".join((probe, *run_ids))
        seconds = round(60 * chosen.probe_minutes)
        command = [
            *("srun", "--quiet", "--ntasks=1", "--time=2", f"--immediate={seconds}", *asked),
            *("bash", "-c", "\n".join((*chosen.setup, probe))),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 180)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LauncherError("srun does not answer", field="on") from error
        return done.stdout, done.stderr

    def _without_answer(self, said: str) -> LauncherError:
        """Why no node answered: none was free, the job was refused, or Python did not start."""
        if any(each in said for each in _NOT_FREE):
            return LauncherError(
                f"no node was free within {self._options.probe_minutes:g} minutes to say what it "
                "sees and can do",
                field=self._source,
                hint="Try later, give more `probe_minutes`, or 0 to submit without asking",
            )
        if "allocate resources" in said or "allocation failure" in said:
            return LauncherError(f"srun: {_short(said)}", field=self._source)
        return LauncherError(
            f"a node cannot run ptb-lite's Python: {_short(said)}",
            field=f"{self._source}.python",
            hint="Give `setup` lines or `python` for the nodes",
        )

    def _ask(self, command: Sequence[str], seconds: float = _SECONDS) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LauncherError(f"{command[0]} does not answer", field="on") from error
        if done.returncode != 0:
            raise LauncherError(
                f"{command[0]} says: {_short(done.stderr or done.stdout).rstrip('.')}",
                field="on",
                hint=f"`{command[0]}` must work in this shell, as on a cluster's login node",
            )
        return done.stdout


class _Factory:
    def make(self, settings: LauncherSettings) -> SlurmLauncher:
        try:
            options = SlurmOptions.model_validate(dict(settings.options))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            known = ", ".join(SlurmOptions.model_fields)
            raise LauncherError(
                plain_message(first["type"], first["msg"]),
                field=f"{settings.source}.{where}",
                hint=f"Options: {known}" if first["type"] == "extra_forbidden" else "",
            ) from error
        return SlurmLauncher(options, settings.at_most, settings.source)


LAUNCHER = _Factory()


def _unlike(runs: Sequence[RunFolder]) -> tuple[str, ...]:
    """The ids of runs that differ in more than seed and name: what a node is asked about."""
    found: dict[str, str] = {}
    for run in runs:
        if len(found) < _MOST_PROBED:
            alike = run.read_spec().model_copy(update={"seed": 0, "name": None})
            found.setdefault(alike.model_dump_json(), run.run_id)
    return tuple(found.values())


def _state(word: str | None) -> JobState:
    if word in _QUEUED:
        return JobState.QUEUED
    return JobState.RUNNING if word in _RUNNING else JobState.GONE


def _minutes_of(limit: str) -> float | None:
    """Minutes of Slurm's days-hours:minutes:seconds; None for `infinite` and what is no time."""
    found = _LIMIT.fullmatch(limit.strip())
    if found is None:
        return None
    parts = [int(part) for part in found["parts"].split(":")]
    if found["days"] is not None:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
        return int(found["days"]) * 1440 + hours * 60 + minutes + seconds / 60
    seconds_of = [60, 1] if len(parts) < 3 else [3600, 60, 1]
    if len(parts) == 1:
        return float(parts[0])
    return sum(part * unit for part, unit in zip(parts, seconds_of, strict=True)) / 60


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
