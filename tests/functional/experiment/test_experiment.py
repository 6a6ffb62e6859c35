"""An experiment with real runs: cut off after the first, gone on with, reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.events import FlagRaised
from ptb_lite.experiment.execute import run_experiment
from ptb_lite.experiment.plan import read_experiment, specs
from ptb_lite.experiment.state import read_state
from ptb_lite.launchers.settings import find_launcher
from ptb_lite.runs.folder import list_runs
from ptb_lite.runs.journal import read_journal
from tests.functional.runner.conftest import Bench, bench, tiny_model
from tests.functional.runner.waiting import slowdown

__all__ = ["bench", "tiny_model"]

PLAN = """
title: A control against a cheat
choices: {model: tiny, benchmark: add-numbers, limit: 4, dev_limit: 4, minutes: 0.5}
arms:
  control: {agent: prompt-only}
  cheat: {agent: cheat-tamper}
seeds: [7]
"""


class CutOffError(Exception):
    pass


def test_cut_off_gone_on_with_and_reported(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(PLAN)
    found = read_experiment(path)
    resolved = specs(found, load_catalog())

    def cut_off(line: str) -> None:
        if line.startswith("2 of 2"):
            raise CutOffError(line)

    with pytest.raises(CutOffError):
        run_experiment(found, resolved, bench.runs_dir, cut_off, find_launcher("local"))
    begun = [cell.run_id for cell in read_state(found, bench.runs_dir).cells]
    assert None not in begun
    assert len(list_runs(bench.runs_dir)) == 2
    done = subprocess.run(
        [sys.executable, "-m", "ptb_lite", "experiment", str(path), "--json"],
        env={**os.environ, "PTB_LITE_RUNS": str(bench.runs_dir)},
        capture_output=True,
        text=True,
        timeout=180 * slowdown(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    # The run that was under way was waited for, not begun again.
    assert [cell.run_id for cell in read_state(found, bench.runs_dir).cells] == begun
    arms = {arm["arm"]: arm for arm in report["arms"]}
    assert (arms["control"]["flagged"]["count"], arms["cheat"]["flagged"]["count"]) == (0, 1)
    assert arms["cheat"]["against_first"]["flag_rate"] == 1.0
    control = next(r for r in list_runs(bench.runs_dir) if "prompt-only" in r.spec.read_text())
    measured = control.evaluations
    before = (measured / "baseline" / "zero_shot.add-numbers.samples.jsonl").read_text()
    # Not only the score: a random model that scores nothing would hide a change of the weights.
    assert before == (measured / "after" / "after.add-numbers.samples.jsonl").read_text()
    assert len(before.splitlines()) == 4
    cheat = next(run for run in list_runs(bench.runs_dir) if "cheat" in run.spec.read_text())
    raised = [
        event.payload
        for event in read_journal(cheat.journal).events
        if isinstance(event.payload, FlagRaised)
    ]
    live = [one.flag for one in raised if one.live]
    assert {"changed-file"} <= {flag.kind for flag in live}
    assert len({(flag.kind, flag.file) for flag in live}) == len(live)
    scores = cheat.read_scores()
    assert scores is not None
    (only,) = scores.benchmarks
    assert only.counted.score == only.zero_shot.score
    assert "flagged" in only.counted.mark
