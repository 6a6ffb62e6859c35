"""What is taken along: JSON without the secret, Markdown that nobody can break out of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.report.export import export_json, export_markdown
from ptb_lite.report.timeline import read_timeline
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.folder import RunFolder
from tests.unit.report.test_report import SALT, make_run


def test_json_has_scores_audit_and_choices_but_no_secret(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    text = export_json(run)
    assert SALT not in text
    found = json.loads(text)
    assert found["scores"]["benchmarks"][0]["raw"]["n"] == 50
    assert found["audit"]["results"][0]["flags"][0]["item_id"] == "t7"
    assert found["spec"]["budget_minutes"] == 3


def test_markdown_is_a_table_with_intervals_and_the_verdict(tmp_path: Path) -> None:
    text = export_markdown(make_run(tmp_path))
    assert "| bench | 50 | 2.0 % (0 to 10) | 14.0 % (7 to 26) | 36.0 % (24 to 50) |" in text
    assert "Verdict: **flagged**" in text
    assert "violation overlap/test-item x" in text
    assert "The agent used 1 min 30 s of 3 min 00 s" in text


def test_markdown_cannot_be_broken_out_of(tmp_path: Path) -> None:
    text = export_markdown(make_run(tmp_path))
    assert not re.search(r"(?<!\\)<script", text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_a_run_without_scores_has_nothing_to_take_along(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.scores.unlink()
    for export in (export_json, export_markdown):
        with pytest.raises(PtbLiteError, match="no scores yet"):
            export(run)


def test_the_story_of_the_recording(tmp_path: Path) -> None:
    course = read_timeline(recorded_demo())
    assert [span.name for span in course.spans] == [
        "prepare", "baseline", "agent", "seal", "audit", "evaluate", "report",
    ]  # fmt: skip
    assert course.seconds == pytest.approx(230, abs=1)
    agent = course.spans[2]
    assert [mark.kind for mark in course.marks] == ["submission", "submission"]
    assert all(agent.begin < mark.at < agent.end for mark in course.marks)
    assert len(course.curve) == 183
    assert read_timeline(RunFolder(tmp_path)).spans == ()
