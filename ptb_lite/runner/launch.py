"""Starting, continuing, stopping and judging a run from another process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.catalog.pins import known_pins
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Phase
from ptb_lite.files import write_record
from ptb_lite.installation import own_program
from ptb_lite.moments import process_began, this_moment
from ptb_lite.runner.spare_room import has_no_room
from ptb_lite.runs.archive import read_imported
from ptb_lite.runs.folder import RunFolder, cannot_write, new_run_folder, require_folder
from ptb_lite.runs.records import Status
from ptb_lite.spec.run_spec import RunSpec

START_SECONDS = 30.0
_POLL_SECONDS = 0.02


def launch(spec: RunSpec, runs_dir: Path) -> Path:
    """Make a run's folder and start its runner in a session of its own; returns the folder.

    Raises SpecError when the runs folder cannot be written, PtbLiteError when the runner does not
    come up.
    """
    run = make_run(spec, runs_dir)
    begin(run)
    return run.path


def make_run(spec: RunSpec, runs_dir: Path) -> RunFolder:
    """The folder of a run that nothing has begun yet. Raises SpecError when it cannot be made."""
    catalog = load_catalog()
    data = () if spec.data_dir else map(catalog.benchmark, spec.benchmarks)
    pins = known_pins(catalog.model(spec.model), data)
    spec = spec.model_copy(update={"revisions": {**pins, **spec.revisions}})
    run = new_run_folder(runs_dir)
    try:
        write_record(run.spec, spec)
        # The spec holds the secret that the test items are drawn from.
        run.spec.chmod(0o600)
        status = Status(run_id=run.run_id, started=datetime.now(UTC), moment=this_moment())
        write_record(run.status, status)
        run.journal.touch()
    except OSError as error:
        # What is half made would be listed as a run.
        shutil.rmtree(run.path, ignore_errors=True)
        raise cannot_write(runs_dir, error) from error
    return run


def begin(run: RunFolder, environment: Mapping[str, str] | None = None) -> None:
    """Start the runner of a run, or continue it, with more variables in its environment.

    Raises PtbLiteError when the runner does not come up.
    """
    _spawn(run, environment or {})


def note_job(run: RunFolder, launcher: str, job: str) -> None:
    """Note which launcher carries a run out, and as which of its jobs."""
    status = run.read_status()
    write_record(run.status, status.model_copy(update={"launcher": launcher, "job": job}))


def resume(path: Path) -> None:
    """Continue a run from its last finished phase.

    Raises PtbLiteError when it has finished, or when a runner still works on it.
    """
    run = require_folder(path)
    if run.runner_lives():
        raise PtbLiteError(
            "is still running", field=run.run_id, hint=f"`ptb-lite attach {run.run_id}` shows it"
        )
    if run.read_status().complete:
        raise PtbLiteError(
            "has finished", field=run.run_id, hint=f"`ptb-lite show {run.run_id}` shows its scores"
        )
    if read_imported(run) is not None:
        raise PtbLiteError(
            "was made on another machine, which has the secret that its items are drawn from",
            field=run.run_id,
            hint="Continue it there",
        )
    _spawn(run, {})


def stop(path: Path) -> str:
    """Ask a run's runner to end early; returns a sentence that says what happens next.

    Raises PtbLiteError when no runner works on it.
    """
    run = require_folder(path)
    status = run.read_status()
    process = _runner_process(status) if run.runner_lives() else None
    if process is None:
        raise PtbLiteError(
            "is not running", field=run.run_id, hint="`ptb-lite ls` shows the state of every run"
        )
    process.send_signal(signal.SIGTERM)
    if status.phase is Phase.AGENT:
        return "the agent is being ended; what it has submitted will be sealed, audited and scored"
    return f"the run is being ended; `ptb-lite resume {run.run_id}` continues it"


def judge(path: Path, named: str, key_variable: str = "") -> str:
    """Have what a finished run left unjudged judged by MODEL@URL, in a session of its own.

    Waits for it; returns a sentence. Raises PtbLiteError with what the command said last.
    """
    run = require_folder(path)
    command = own_program("ptb_lite", "judge", os.fspath(run.path), "--judge", named)
    if key_variable:
        command += ["--judge-key", key_variable]
    with (run.path / "judging.log").open("wb") as log:
        code = subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    if code == 0:
        return "Judged: all of it has a score."
    said = (run.path / "judging.log").read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in said if line.startswith("error: ")]
    if code == 1 and not errors:
        return f"Not all of it could be judged: {run.path / 'judging.log'}"
    raise PtbLiteError(f"Not judged: {(errors or said or ['it said nothing'])[-1]}")


def _spawn(run: RunFolder, environment: Mapping[str, str]) -> None:
    with run.log.open("ab") as log:
        process = subprocess.Popen(
            own_program("ptb_lite.runner", os.fspath(run.path)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if run.read_status().pid == process.pid:
            return
        if process.poll() is not None:
            break
        time.sleep(_POLL_SECONDS)
    if process.returncode in (0, 1) and run.read_status().state == "ended":
        return
    hint = f"Its output is in {run.log}"
    if has_no_room(run.path):
        hint = (
            f"The disk of {run.path} is full: free some room, then `ptb-lite resume {run.run_id}`"
        )
    raise PtbLiteError("the runner did not start", field=run.run_id, hint=hint)


def _runner_process(status: Status) -> psutil.Process | None:
    """The runner that the status names, never a later process with the same number."""
    if status.pid is None:
        return None
    try:
        process = psutil.Process(status.pid)
        if status.process_began is not None:
            same = process_began(status.pid) == status.process_began
        else:
            same = abs(process.create_time() - (status.process_started or 0.0)) < 0.1
    except psutil.Error:
        return None
    return process if same else None
