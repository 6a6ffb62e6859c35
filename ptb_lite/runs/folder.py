"""Where everything of a run lies, and which runs there are."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ptb_lite.errors import PtbLiteError, RunNotFoundError, SpecError
from ptb_lite.files import read_record
from ptb_lite.locks import is_locked
from ptb_lite.runs.heartbeat import beats_elsewhere
from ptb_lite.runs.records import Notes, Scores, Status
from ptb_lite.spec.run_spec import RunSpec

RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")
HUB_FOLDER = ".hub-cache"
"""The agent's own Hugging Face folder, relative to its workspace."""


@dataclass(frozen=True)
class RunFolder:
    """One run on disk. Copying the folder copies the run."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def log(self) -> Path:
        """What the runner's own process printed: for people who look for a bug."""
        return self.path / "runner.log"

    @property
    def lock(self) -> Path:
        return self.path / "runner.lock"

    @property
    def data(self) -> Path:
        """The host's copy of the benchmarks' items; never visible in the sandbox."""
        return self.path / "data"

    @property
    def prepared(self) -> Path:
        return self.path / "prepared.json"

    @property
    def workspace(self) -> Path:
        return self.path / "workspace"

    @property
    def harness(self) -> Path:
        return self.path / "harness.json"

    @property
    def trace(self) -> Path:
        return self.path / "trace"

    @property
    def provenance(self) -> Path:
        """Which process of the agent did what to which file; not visible in the sandbox."""
        return self.path / "provenance"

    @property
    def agent_end(self) -> Path:
        return self.path / "agent.json"

    @property
    def relay(self) -> Path:
        """The socket by which an agent reaches its model, while it works."""
        return self.path / "relay"

    @property
    def hub_gate(self) -> Path:
        """What the Hub's gate fetched and searched, while an agent works; not visible to it."""
        return self.path / "hub-gate"

    @property
    def hosts(self) -> Path:
        return self.path / "hosts.json"

    @property
    def hub_cache(self) -> Path:
        """Which repositories of the host's Hub cache the agent was shown, and its own downloads."""
        return self.path / "hub-cache.json"

    @property
    def hub_private(self) -> Path:
        """The agent's own Hugging Face folder (HF_HOME), in its workspace."""
        return self.workspace / HUB_FOLDER

    @property
    def login(self) -> Path:
        """Which files of a login lie in the workspace; gone when they are."""
        return self.path / "login.json"

    @property
    def agent_input(self) -> Path:
        """What the agent's last process read on standard input."""
        return self.path / "agent-input.md"

    @property
    def reserve(self) -> Path:
        """Room on the disk that is held for the runner while an agent works."""
        return self.path / ".reserve"

    @property
    def sealed(self) -> Path:
        return self.path / "sealed"

    @property
    def seal(self) -> Path:
        return self.path / "seal.json"

    @property
    def audit(self) -> Path:
        return self.path / "audit.json"

    @property
    def overrule(self) -> Path:
        """A person's verdict, where there is one."""
        return self.path / "overrule.json"

    @property
    def notes(self) -> Path:
        """A person's own name, tags and note, where there are any."""
        return self.path / "notes.json"

    @property
    def reported(self) -> Path:
        """What another harness says of the run, where it was made there."""
        return self.path / "reported.json"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations"

    @property
    def evaluation_plan(self) -> Path:
        return self.evaluations / "plan.json"

    @property
    def scores(self) -> Path:
        return self.path / "scores.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def read_spec(self) -> RunSpec:
        return read_record(self.spec, RunSpec)

    def read_status(self) -> Status:
        return read_record(self.status, Status)

    def read_scores(self) -> Scores | None:
        """None while the run has none."""
        return read_record(self.scores, Scores) if self.scores.exists() else None

    def read_notes(self) -> Notes:
        """Nothing where nobody wrote any; the name is the one of the start unless it was changed.

        Raises PtbLiteError for a damaged file.
        """
        found = read_record(self.notes, Notes) if self.notes.exists() else Notes()
        return found if found.name else found.model_copy(update={"name": self._first_name()})

    def _first_name(self) -> str:
        try:
            return self.read_spec().name or ""
        except (OSError, PtbLiteError):
            return ""

    def runner_lives(self) -> bool:
        """Whether a runner works on this run: it holds a lock that its death frees, or shows itself
        on another machine."""
        return beats_elsewhere(self.path, self._host()) or is_locked(self.lock)

    def _host(self) -> str:
        try:
            return self.read_status().host
        except (OSError, PtbLiteError):
            return ""


def new_run_folder(runs_dir: Path) -> RunFolder:
    """Make an empty folder with a fresh run id.

    Raises SpecError when the runs folder cannot be written.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        while True:
            stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
            path = runs_dir.resolve() / f"{stamp}-{secrets.token_hex(2)}"
            if not path.exists():
                path.mkdir()
                return RunFolder(path)
    except OSError as error:
        raise cannot_write(runs_dir, error) from error


def cannot_write(runs_dir: Path, error: OSError) -> SpecError:
    """The sentence for a runs folder in which no run can be made."""
    return SpecError(
        f"{runs_dir} cannot be written ({error.strerror})",
        field="runs-dir",
        hint="Choose another folder with --runs-dir",
    )


def list_runs(runs_dir: Path) -> list[RunFolder]:
    """The runs of a folder, oldest first. A folder that does not exist holds none."""
    if not runs_dir.is_dir():
        return []
    folder = runs_dir.resolve()
    # Names as text: of thousands of runs, making and comparing paths takes most of the time.
    names = sorted(name for name in os.listdir(folder) if RUN_ID.fullmatch(name))  # noqa: PTH208
    return [RunFolder(folder / n) for n in names if os.path.isfile(f"{folder}/{n}/spec.json")]  # noqa: PTH113


def find_run(runs_dir: Path, run_id: str) -> RunFolder:
    """The run with this id, a unique beginning or end of it, `last`, its path, or its own name.

    Raises RunNotFoundError, with the way to see which runs there are.
    """
    as_path = Path(run_id)
    if (as_path / "spec.json").is_file():
        return RunFolder(as_path.resolve())
    runs = list_runs(runs_dir)
    if run_id == "last" and runs:
        return runs[-1]
    found = [run for run in runs if run.run_id == run_id] or [
        run for run in runs if run.run_id.startswith(run_id) or run.run_id.endswith(run_id)
    ]
    # Looked for last: it takes reading every run's choices.
    found = found or [run for run in runs if _name(run) == run_id]
    if len(found) == 1 and run_id:
        return found[0]
    if found:
        what, hint = f"{len(found)} runs match {run_id!r} in {runs_dir}", "`ptb-lite ls` lists them"
    elif as_path.exists():
        what = f"{run_id!r} is no run's folder: it has no spec.json"
        hint = "`ptb-lite ls` lists the runs; `ptb-lite audit` takes any folder"
    else:
        none = "" if runs else ", nor any other"
        what = f"there is no run {run_id!r} in {runs_dir}{none}, and no such folder"
        hint = (
            f"`ptb-lite ls --runs-dir {runs_dir}` lists the runs"
            if runs
            else "`ptb-lite ls --runs-dir FOLDER` lists those of another folder, "
            "`ptb-lite replay demo` plays one that ships"
        )
    raise RunNotFoundError(what, field="run", hint=hint)


def _name(run: RunFolder) -> str | None:
    """Not validated: among thousands of runs that takes seconds."""
    try:
        for path in (run.notes, run.spec):
            found = json.loads(path.read_bytes()).get("name") if path.exists() else None
            if found and isinstance(found, str):
                return found
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    return None


def require_folder(path: Path) -> RunFolder:
    """A run folder whose spec can be read; raises PtbLiteError otherwise."""
    run = RunFolder(path.resolve())
    if not run.spec.is_file():
        raise PtbLiteError("is not a run's folder: it has no spec.json", field=str(path))
    return run
