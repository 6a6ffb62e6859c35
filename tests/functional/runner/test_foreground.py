"""`run --foreground`: the command is the runner, and its end is the run's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from ptb_lite.events import Outcome
from ptb_lite.runs.folder import RunFolder, list_runs
from tests.functional.runner.conftest import SUBMIT, Bench
from tests.functional.runner.waiting import slowdown, wait_until

WORK = "submit()\nopen('at-work', 'w')\nimport time\ntime.sleep(600)\n"


def start(bench: Bench, code: str, **more: str) -> subprocess.Popen[str]:
    agent = bench.agent(["python", "-c", SUBMIT + code])
    choices = ["--model", "tiny", "--agent", agent, "--benchmark", "add-numbers", "--minutes", "5"]
    choices += [
        "--limit",
        "4",
        "--dev-limit",
        "4",
        "--seed",
        "7",
        "--runs-dir",
        str(bench.runs_dir),
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "ptb_lite", "run", "--foreground", "--plain", *choices],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **more},
    )


def how_far(run: RunFolder) -> list[str]:
    """The last lines of a run's journal and log, to be shown where a test fails."""
    files = (run.journal, run.log)
    return [line[:300] for one in files if one.is_file() for line in tail(one)]


def tail(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]


def test_it_prints_and_ends_with_the_run(bench: Bench) -> None:
    command = start(bench, "print('nothing is submitted')")
    printed, _ = command.communicate(timeout=300 * slowdown())
    assert command.returncode == 0, printed[-3000:]
    (run,) = list_runs(bench.runs_dir)
    assert run.read_status().outcome is Outcome.FINISHED
    assert run.run_id in printed
    assert "verdict: clean" in printed


def test_sigterm_seals_and_scores(bench: Bench) -> None:
    # As in a job of a distributed training, whose variables would have torch wait for others.
    held = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29555"}
    command = start(bench, WORK, **held)
    at_work = Path("workspace") / "at-work"
    wait_until(
        lambda: any((run.path / at_work).exists() for run in list_runs(bench.runs_dir)),
        240,
        lambda: f"the agent never began: {[how_far(run) for run in list_runs(bench.runs_dir)]}",
    )
    command.send_signal(signal.SIGTERM)
    printed, _ = command.communicate(timeout=300 * slowdown())
    (run,) = list_runs(bench.runs_dir)
    assert run.read_status().outcome is Outcome.FINISHED, printed[-3000:]
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid
    assert not run.runner_lives()
