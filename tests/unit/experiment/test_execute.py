"""Many cells with a scheduler that is asked seldom; runs are made for real, and end unrun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.events import Outcome
from ptb_lite.experiment import execute
from ptb_lite.experiment.plan import read_experiment, specs
from ptb_lite.experiment.progress import experiments_text, progress
from ptb_lite.files import write_record
from ptb_lite.launchers.protocol import JobState
from ptb_lite.runner.launch import note_job
from ptb_lite.runs.folder import RunFolder

PLAN = """
title: Many
preset: offline-demo
grid: {{policy: [reset, zero]}}
seeds: [{seeds}]
"""


class FakeScheduler:
    """Ends `speed` runs between two questions; counts the questions and the largest array."""

    poll_seconds = 0.0
    here = False

    def __init__(self, speed: int, array: int = 1000) -> None:
        self._speed, self._array = speed, array
        self.asked = self.submitted = self.largest = 0
        self.runs: dict[str, RunFolder] = {}

    def room(self, active: int) -> int | None:
        return 0 if active else self._array

    def check(self, runs: Sequence[RunFolder], runs_dir: Path) -> None: ...

    def submit(self, runs: Sequence[RunFolder]) -> tuple[str, ...]:
        self.submitted += 1
        self.largest = max(self.largest, len(runs))
        made = {f"{self.submitted}_{n}": run for n, run in enumerate(runs)}
        for job, run in made.items():
            note_job(run, "fake", job)
        self.runs |= made
        return tuple(made)

    def states(self, jobs: Sequence[str]) -> Mapping[str, JobState]:
        self.asked += bool(jobs)
        for job in list(self.runs)[: self._speed]:
            run = self.runs.pop(job)
            done = {"state": "ended", "outcome": Outcome.FAILED, "detail": "a fake"}
            write_record(run.status, run.read_status().model_copy(update=done))
        return {job: JobState.RUNNING if job in self.runs else JobState.GONE for job in jobs}

    def cancel(self, jobs: Sequence[str]) -> None: ...

    def logs(self, run: RunFolder, job: str) -> tuple[Path, ...]:
        return (run.log, run.path / job)


def test_a_scheduler_is_asked_once_a_round_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "many.yaml"
    path.write_text(PLAN.format(seeds=", ".join(map(str, range(20)))))
    found = read_experiment(path)
    resolved = specs(found, load_catalog(), "salt")
    first = FakeScheduler(speed=4, array=16)
    rounds = 0

    def cut_off(_seconds: float) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(execute.time, "sleep", cut_off)
    with pytest.raises(KeyboardInterrupt):
        execute.run_experiment(found, resolved, tmp_path / "runs", str, first)
    monkeypatch.setattr(execute.time, "sleep", lambda _seconds: None)
    left = len(first.runs)
    asked = first.asked
    assert (first.largest, left, asked) == (16, 8, 2)
    # Another process takes over: the first one's jobs go on, and are asked for with all others.
    state = execute.run_experiment(found, resolved, tmp_path / "runs", str, first)
    assert sum(one.failed for one in progress(state, found.arms, tmp_path / "runs")) == 40
    assert first.submitted == 3
    assert first.asked - asked <= 40 / 4 + 3
    assert len(list((tmp_path / "runs").glob("2*"))) == 40
    # Who has not the plan's file sees it, too.
    told = experiments_text(tmp_path / "runs").splitlines()
    assert told[0] == "many: Many"
    assert [line.split()[1:] for line in told[2:]] == [["0", "0", "0", "20", "0"]] * 2
