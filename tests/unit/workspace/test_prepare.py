"""The workspace as handed out, and its manifest."""

from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path

from ptb_lite.evaluation.task_file import read_task
from ptb_lite.workspace.prepare import Handout, hand_out, start_clock
from tests.unit.workspace.test_prompt import task


def make(tmp_path: Path) -> tuple[Path, Handout]:
    source = tmp_path / "train.jsonl"
    source.write_text('{"id": "1"}\n')
    handout = Handout(
        task=task("sums"),
        data={"data/sums/train.jsonl": source},
        disclosure="rules",
        policy="reset",
        machine="2 cores",
    )
    return tmp_path / "workspace", handout


def test_the_manifest_has_the_hash_of_every_file_handed_out(tmp_path: Path) -> None:
    workspace, handout = make(tmp_path)
    manifest = start_clock(workspace, handout.task, hand_out(workspace, handout))
    found = {
        str(path.relative_to(workspace)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in workspace.rglob("*")
        if path.is_file()
    }
    assert manifest.files == found
    assert set(found) == {
        "prompt.md",
        "evaluate.py",
        "timer.sh",
        "task.json",
        "data/sums/train.jsonl",
    }


def test_what_an_earlier_agent_left_is_gone(tmp_path: Path) -> None:
    workspace, handout = make(tmp_path)
    workspace.mkdir()
    (workspace / "left.txt").write_text("x")
    hand_out(workspace, handout)
    assert not (workspace / "left.txt").exists()


def test_the_timer_tells_the_time_left(tmp_path: Path) -> None:
    workspace, handout = make(tmp_path)
    manifest = hand_out(workspace, handout)
    for left, begins in ((3000, "50 minutes"), (125, "2 minutes"), (-5, "0 minutes left")):
        deadline = time.time() + left
        started = handout.task.model_copy(update={"deadline": deadline})
        start_clock(workspace, started, manifest)
        said = subprocess.run(
            ["sh", "timer.sh"], cwd=workspace, capture_output=True, text=True, check=True
        )
        assert said.stdout.startswith(begins)
        # With the last fifth of the time it says what counts.
        assert ("only what lies in final_model/" in said.stdout) == (left == 125)
        assert read_task(workspace).deadline == deadline
