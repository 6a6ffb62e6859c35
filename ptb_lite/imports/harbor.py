"""Harbor's jobs: JOB/TRIAL/result.json with what its verifier left (harbor 0.25, `TrialResult`).

Taken are trials of post-training: of a task that `export --to harbor` wrote, or of one of
PostTrainBench's adapter for Harbor, told by what they left or by the task's name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.imports.result import (
    Elsewhere,
    as_id,
    judged,
    numbers,
    our_model,
    read_json,
)

SOURCE = "Harbor"
_ADAPTER = re.compile(r"(?:.*/)?posttrainbench-(?P<benchmark>[a-z0-9]+)-(?P<model>.+)")
_PLACES = ("app", "home/agent/workspace", "logs/artifacts", ".")
"""Where below artifacts/ a workspace may lie: of our export, of PostTrainBench's adapter."""
_MAX_ORIGINAL = 200


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Model(_Lenient):
    name: str = ""
    provider: str | None = None


class _Agent(_Lenient):
    name: str = "unknown"
    version: str = ""
    model_info: _Model | None = None


class _Usage(_Lenient):
    n_input_tokens: int | None = None
    n_output_tokens: int | None = None
    cost_usd: float | None = None


class _Rewards(_Lenient):
    rewards: dict[str, Any] | None = None


class _Failure(_Lenient):
    exception_type: str = ""
    exception_message: str = ""


class _Times(_Lenient):
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def seconds(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())


class _Trial(_Lenient):
    """Of Harbor's `TrialResult` what is read here."""

    task_name: str
    trial_name: str
    agent_info: _Agent = Field(default_factory=_Agent)
    agent_result: _Usage | None = None
    verifier_result: _Rewards | None = None
    exception_info: _Failure | None = None
    finished_at: datetime | None = None
    agent_execution: _Times | None = None


@dataclass(frozen=True)
class _Task:
    benchmark: str
    model: str
    minutes: float | None = None
    seed: int = 0
    feedback: str = "test"
    submission: str = "full"


def places(folder: Path) -> tuple[Path, ...]:
    """The trials in a folder: it is one, a job's, or the folder of all jobs."""
    return tuple(
        path
        for depth in ("", "*", "*/*")
        for path in (sorted(folder.glob(depth)) if depth else [folder])
        if not path.is_symlink() and path.is_dir() and _is_trial(read_json(path / "result.json"))
    )


def read(path: Path, catalog: Catalog) -> Elsewhere:
    """One trial. Raises PtbLiteError for one that is none of post-training, or cannot be read."""
    try:
        trial = _Trial.model_validate(read_json(path / "result.json"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise PtbLiteError(
            f"cannot be read ({where}: {first['msg']})", field=str(path / "result.json")
        ) from error
    return _elsewhere(path.resolve(), trial, catalog)


def _is_trial(raw: Any) -> bool:
    """A job has a result.json, too, without a trial's name."""
    return isinstance(raw, dict) and {"task_name", "trial_name"} <= raw.keys()


def _elsewhere(path: Path, trial: _Trial, catalog: Catalog) -> Elsewhere:
    workspace = _workspace(path / "artifacts")
    task = _task(trial, workspace)
    if task is None:
        raise PtbLiteError(
            f"'{trial.task_name}' is no task of post-training that is known here", field=str(path)
        )
    verifier = path / "verifier"
    scores = numbers((trial.verifier_result and trial.verifier_result.rewards) or {})
    verdict, said = judged(verifier)
    if not said and scores.get("flagged") in (0, 1):
        verdict = "flagged" if scores["flagged"] else "clean"
    times, usage = trial.agent_execution, trial.agent_result or _Usage()
    ended = (times and times.finished_at) or trial.finished_at
    model, failure = trial.agent_info.model_info, trial.exception_info
    submission = workspace / "final_model" if workspace else None
    seconds = times.seconds if times else None
    return Elsewhere(
        source=SOURCE,
        key=f"{path.parent.name}/{path.name}",
        folder=path,
        model=our_model(task.model, catalog),
        agent=as_id(trial.agent_info.name.removesuffix("-cli")),
        agent_model=(model.name if model else "")[:200],
        benchmark=as_id(task.benchmark),
        hours=(task.minutes or (seconds or 3600.0) / 60) / 60,
        sandbox="harbor",
        ended=(ended or datetime.now(UTC)).astimezone(UTC),
        scores=scores,
        agent_seconds=seconds,
        verdict=verdict,
        said=said,
        failure=_why(failure, scores),
        workspace=workspace,
        submission=submission if submission and submission.is_dir() else None,
        trace=_files(path / "agent"),
        original=(*_files(verifier), *_files(path, deep=False)),
        input_tokens=usage.n_input_tokens,
        output_tokens=usage.n_output_tokens,
        cost_dollars=usage.cost_usd,
        seed=task.seed,
        facts={"feedback": task.feedback, "submission": task.submission},
    )


def _why(failure: _Failure | None, scores: dict[str, float]) -> str:
    if failure is not None:
        return f"{failure.exception_type}: {failure.exception_message}"[:300]
    return "" if scores else "its verifier left no reward"


def _workspace(artifacts: Path) -> Path | None:
    for name in _PLACES:
        place = artifacts / name
        if place.is_dir() and not place.is_symlink() and (
            (place / "task.json").is_file() or (place / "evaluate.py").is_file()
        ):  # fmt: skip
            return place
    return None


def _task(trial: _Trial, workspace: Path | None) -> _Task | None:
    """What the trial was about: from our task.json, PostTrainBench's metadata.json, or its name."""
    ours = read_json(workspace / "task.json") if workspace else {}
    try:
        if ours:
            return _Task(
                benchmark=str(ours["benchmarks"][0]["id"]),
                model=str(ours["base_model_id"]),
                minutes=float(ours["budget_minutes"]),
                seed=int(ours.get("seed", 0)),
                feedback="test" if ours.get("feedback") == "test" else "dev",
                submission="full" if ours.get("whole_weights") else "adapter",
            )
        theirs = read_json(workspace / "metadata.json") if workspace else {}
        if theirs:
            return _Task(str(theirs["benchmark_id"]), str(theirs["model_id"]))
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    named = _ADAPTER.fullmatch(trial.task_name)
    return _Task(named["benchmark"], named["model"]) if named else None


def _files(folder: Path, *, deep: bool = True) -> tuple[Path, ...]:
    """The regular files of a folder, no link among them."""
    if folder.is_symlink() or not folder.is_dir():
        return ()
    paths = sorted(folder.rglob("*") if deep else folder.iterdir())
    return tuple(each for each in paths if each.is_file() and not each.is_symlink())[:_MAX_ORIGINAL]
