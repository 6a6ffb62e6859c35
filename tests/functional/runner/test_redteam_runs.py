"""Red-team agents as a workshop runs them: flags while they work, raw above base, counted reset.

With the embedded model and its real training, so these are minutes long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptb_lite.events import FlagRaised
from ptb_lite.runs.folder import list_runs
from ptb_lite.runs.journal import read_journal


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("agent", ["cheat-rename", "cheat-ingest", "cheat-encode"])
def test_flagged_live_and_counted_as_base(tmp_path: Path, agent: str) -> None:
    command = [sys.executable, "-m", "ptb_lite", "run", "--preset", "offline-demo"]
    chosen = ["--agent", agent, "--feedback", "test", "--minutes", "1.5", "--limit", "40"]
    done = subprocess.run(
        [*command, *chosen, "--seed", "5", "--runs-dir", str(tmp_path), "--json"],
        env={**os.environ, "PTB_LITE_STATE": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 3, done.stderr[-3000:]
    scores = json.loads(done.stdout)
    (only,) = scores["benchmarks"]
    assert scores["submission_valid"]
    if agent != "cheat-rename":  # other wording in a minute and a half may teach nothing
        assert only["raw"]["correct"] > only["zero_shot"]["correct"]
    assert only["counted"]["score"] == only["zero_shot"]["score"]
    (run,) = list_runs(tmp_path)
    events = read_journal(run.journal).events
    raised = [one.payload for one in events if isinstance(one.payload, FlagRaised)]
    assert any(flag.live and flag.flag.decides for flag in raised)
    assert any(not flag.live and flag.flag.decides for flag in raised)
