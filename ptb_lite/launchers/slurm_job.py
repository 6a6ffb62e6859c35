"""What a Slurm job does: the run's runner as its child, ended in time and taken up again.

submitit pickles `RunJob` and unpickles it on the node, from its own folder beside the runs; it
calls `checkpoint` when the scheduler says that the job's time is nearly over, or that the node is
wanted (Slurm's --signal).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ptb_lite.evaluation.engine.process import alone
from ptb_lite.installation import own_program
from ptb_lite.runs.folder import RunFolder


@dataclass
class RunJob:
    """One run as a job. `grace_seconds` is how long `checkpoint` waits for the run to end."""

    folder: str
    grace_seconds: float

    def __call__(self) -> int:
        """Begin or continue the run; its runner's exit code."""
        run = RunFolder(Path(self.folder))
        if run.read_status().complete:
            return 0
        environment = alone(os.environ)
        environment["PTB_LITE_JOB"] = job_id(os.environ)
        with run.log.open("ab") as log:
            self._process = subprocess.Popen(
                own_program("ptb_lite.runner", self.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                # Slurm tells every process of the job; only this one is to listen.
                preexec_fn=_ignore_notice,
            )
            return self._process.wait()

    def checkpoint(self) -> Any:
        """End the agent's phase, so that what it made is sealed and scored while there is time.

        None where the run has ended by then: nothing is left to do. Else the same job, to be
        queued again; it goes on from the last finished phase.
        """
        from submitit.helpers import DelayedSubmission

        process = self.__dict__.pop("_process", None)
        if process is not None:
            _end(process.pid, self.grace_seconds)
        if RunFolder(Path(self.folder)).read_status().complete:
            return None
        return DelayedSubmission(RunJob(self.folder, self.grace_seconds))

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "grace_seconds": self.grace_seconds}


def _ignore_notice() -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _end(pid: int, seconds: float) -> None:
    """Ask a runner to end and wait for it, so long; then kill it.

    Called in a signal handler, while the same process is waited for: so no `Popen` method, which
    would wait for the lock that the interrupted call holds.
    """
    try:
        runner = psutil.Process(pid)
        runner.terminate()
        deadline = time.monotonic() + seconds
        while runner.is_running() and runner.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
                return
            time.sleep(0.2)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return


def job_id(environment: Any) -> str:
    """The id of the job that this process is in, as squeue writes it; empty outside of one."""
    array, task = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array else environment.get("SLURM_JOB_ID", "")
