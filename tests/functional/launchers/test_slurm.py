"""Runs as jobs of a real Slurm on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import torch

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome
from ptb_lite.experiment.execute import run_experiment
from ptb_lite.experiment.plan import read_experiment, specs
from ptb_lite.experiment.progress import progress
from ptb_lite.exports.formats import export_choices
from ptb_lite.exports.source import read_chosen
from ptb_lite.launchers.protocol import JobState, LauncherSettings
from ptb_lite.launchers.slurm import LAUNCHER, SlurmLauncher
from ptb_lite.runner.launch import make_run
from ptb_lite.runs.folder import RunFolder, list_runs
from tests.functional.launchers.slurm_cluster import missing, slurm_cluster
from tests.functional.runner.conftest import Bench, bench, tiny_model

__all__ = ["bench", "tiny_model"]

pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.timeout(900),
]

PLAN = """
title: A control against a cheat
choices: {model: tiny, benchmark: add-numbers, limit: 4, dev_limit: 4, minutes: 0.5}
arms:
  control: {agent: prompt-only}
  cheat: {agent: cheat-tamper}
seeds: [3, 4]
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with slurm_cluster(tmp_path / "slurm") as configuration:
        monkeypatch.setenv("SLURM_CONF", str(configuration))
        yield


def launcher(at_most: int | None = 2, **options: object) -> SlurmLauncher:
    made = LAUNCHER.make(
        LauncherSettings(at_most=at_most, options={"overhead_minutes": 30, **options})
    )
    made.poll_seconds = 1.0
    return made


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_an_experiment_two_jobs_at_a_time(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(PLAN)
    found = read_experiment(path)
    said: list[str] = []
    state = run_experiment(
        found, specs(found, load_catalog()), bench.runs_dir, said.append, launcher()
    )
    runs = list_runs(bench.runs_dir)
    assert len(runs) == 4, said
    assert [run.read_status().outcome for run in runs] == [Outcome.FINISHED] * 4
    assert {run.read_status().launcher for run in runs} == {"slurm"}
    # One array, and no more than two of it at a time.
    jobs = {run.read_status().job for run in runs}
    assert len({job.split("_")[0] for job in jobs}) == 1
    assert {job.split("_")[1] for job in jobs} == {"0", "1", "2", "3"}
    assert [(one.done, one.waiting) for one in progress(state, found.arms, bench.runs_dir)] == [
        (2, 0),
        (2, 0),
    ]


def one_job(bench: Bench, at: SlurmLauncher, code: str) -> tuple[RunFolder, str]:
    run = make_run(bench.spec(code), bench.runs_dir)
    at.check([run], bench.runs_dir)
    (job,) = at.submit([run])
    return run, job


def at_work(run: RunFolder) -> bool:
    return (run.workspace / "at-work").exists()


WORK = "submit()\nopen('at-work', 'w')\nimport time\ntime.sleep(600)\n"


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_cancelled_job_keeps_what_was_submitted(bench: Bench) -> None:
    at = launcher()
    run, job = one_job(bench, at, WORK)
    wait_for(lambda: at_work(run))
    assert at.states([job])[job] is JobState.RUNNING
    subprocess.run(["scancel", job], check=True)
    wait_for(lambda: at.states([job])[job] is JobState.GONE)
    assert not run.runner_lives()
    if run.read_status().outcome is not Outcome.FINISHED:
        # Slurm's patience was shorter than scoring took: the run goes on where it was.
        (again,) = at.submit([run])
        wait_for(lambda: at.states([again])[again] is JobState.GONE)
    assert run.read_status().outcome is Outcome.FINISHED
    assert run.read_scores() is not None


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_stopped_run_is_sealed_and_scored(bench: Bench) -> None:
    at = launcher()
    run, job = one_job(bench, at, WORK)
    wait_for(lambda: at_work(run))
    at.cancel([job])
    wait_for(lambda: at.states([job])[job] is JobState.GONE)
    assert run.read_status().outcome is Outcome.FINISHED, run.log.read_text()[-2000:]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_job_that_is_told_of_its_limit_scores_in_time(bench: Bench) -> None:
    at = launcher(signal_seconds=120)
    run, job = one_job(bench, at, WORK)
    wait_for(lambda: at_work(run))
    # What Slurm sends so many seconds before a job's limit.
    subprocess.run(["scancel", "--signal=USR2", job], check=True)
    wait_for(lambda: at.states([job])[job] is JobState.GONE)
    assert run.read_status().outcome is Outcome.FINISHED, run.log.read_text()[-2000:]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_requeued_job_goes_on_by_itself(bench: Bench) -> None:
    at = launcher()
    run, job = one_job(bench, at, WORK)
    wait_for(lambda: at_work(run))
    subprocess.run(["scontrol", "requeue", job], check=True)
    # Slurm waits about two minutes before it starts a requeued job again.
    wait_for(lambda: run.read_status().outcome is Outcome.FINISHED, 600)
    end = run.read_status()
    assert [phase.phase.value for phase in end.phases].count("baseline") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_job_whose_node_fails_goes_on_by_itself(bench: Bench, tmp_path: Path) -> None:
    at = launcher()
    run, job = one_job(bench, at, WORK)
    wait_for(lambda: at_work(run))
    runner = psutil.Process(run.read_status().pid)
    # As a node that loses its power: its daemon, and all of the job from its step on.
    of_the_job = [each for each in runner.parents() if each.pid > 1]
    os.kill(int((tmp_path / "slurm" / "slurmd.pid").read_text()), signal.SIGKILL)
    names = [each.name() for each in of_the_job]
    step = names.index("slurmstepd")
    for process in (*of_the_job[: step + 1], runner):
        process.kill()
    wait_for(lambda: not run.runner_lives())
    assert at.states([job])[job] is not JobState.GONE
    wait_for(lambda: "down" in subprocess.getoutput("sinfo -h -o %T"))
    subprocess.run(["slurmd"], check=True, timeout=60)
    wait_for(lambda: at.states([job])[job] is JobState.GONE, 600)
    end = run.read_status()
    # Its agent lost a part of its time: scored, and in no comparison.
    assert (end.outcome, end.complete) == (Outcome.INTERRUPTED, True), run.log.read_text()[-2000:]
    assert [phase.phase.value for phase in end.phases].count("baseline") == 1


@pytest.mark.usefixtures("cluster")
def test_what_cannot_start_is_said_before_anything_is_queued(bench: Bench) -> None:
    run = make_run(bench.spec("submit()"), bench.runs_dir)
    for options, says in (
        ({"partition": "nobody"}, "there is no partition 'nobody'"),
        ({"partition": "short"}, "minutes are needed and the partition allows 3"),
        # What the probe finds: it asks for what the runs ask for, and runs the same lines.
        ({"gres": "gpu:1"}, "srun"),
        ({"python": "/nonexistent/python"}, "cannot run ptb-lite's Python"),
        ({"setup": ["exit 3"]}, "exit code 3"),
        ({"partion": "x"}, "there is no such field"),
    ):
        with pytest.raises(PtbLiteError, match=says):
            launcher(**options).check([run], bench.runs_dir)
    elsewhere = make_run(
        bench.spec("submit()").model_copy(update={"device": "cuda"}), bench.runs_dir
    )
    if not torch.cuda.is_available():
        with pytest.raises(PtbLiteError, match=r"on the node .*: device: no NVIDIA GPU"):
            launcher().check([run, elsewhere], bench.runs_dir)
    launcher().check([run], bench.runs_dir)
    told = subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True)
    assert told.stdout == ""


@pytest.mark.usefixtures("cluster")
def test_an_exported_job_is_one_that_slurm_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_CONFIG", str(tmp_path))
    found = read_chosen("offline-demo", tmp_path / "runs", load_catalog())
    (tmp_path / "launchers.yaml").write_text("slurm: {memory_gb: 1}\n")
    made = export_choices(found, "slurm", tmp_path / "job")
    assert [check.state for check in made.checks] == ["passed", "passed"], made.checks
    (tmp_path / "launchers.yaml").write_text("slurm: {memory_gb: 1, partition: nobody}\n")
    refused = export_choices(found, "slurm", tmp_path / "other")
    assert refused.refused
    assert "partition" in refused.checks[1].why
