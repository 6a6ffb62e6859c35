"""A person's verdict: both are kept, the scores are counted again, and everything shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptb_lite.audit.record import AuditRecord
from ptb_lite.cli import main
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Verdict
from ptb_lite.files import read_record, write_record
from ptb_lite.report.html import write_report
from ptb_lite.report.text import report_text
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.overrule import overrule
from ptb_lite.runs.records import Overrule
from tests.unit.report.test_report import make_run


def run_cli(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_cleared_by_a_person_counts_raw(tmp_path: Path) -> None:
    run = make_run(tmp_path, benchmarks=2)
    audit_before = run.audit.read_bytes()
    scores = overrule(run, Verdict.CLEAN, "the items\nare  in the train split, too")
    assert run.read_scores() == scores
    assert scores.verdict is Verdict.CLEAN
    for item in scores.benchmarks:
        assert item.raw is not None
        assert item.counted.score == item.raw.score
        assert item.counted.by_audit == 0.02
        assert not item.counted.mark
    assert scores.average.counted == pytest.approx(0.36)
    assert run.audit.read_bytes() == audit_before
    record = read_record(run.overrule, Overrule)
    assert (record.verdict, record.audit_verdict) == (Verdict.CLEAN, Verdict.FLAGGED)
    assert record.reason == "the items are in the train split, too"
    assert record.by
    assert record == scores.overrule


def test_flagged_by_a_person_applies_the_policy_and_keeps_the_first_count(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    overrule(run, Verdict.CLEAN, "first thought")
    scores = overrule(run, Verdict.FLAGGED, "second thought")
    (item,) = scores.benchmarks
    assert item.counted.score == item.zero_shot.score
    assert item.counted.by_audit == 0.02
    assert scores.overrule is not None
    assert scores.overrule.audit_verdict is read_record(run.audit, AuditRecord).verdict


def test_reports_say_so(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    overrule(run, Verdict.CLEAN, "seen <b>by</b> hand")
    text = report_text(run)
    assert "seen <b>by</b> hand), overruling the audit's flagged" in text
    assert "36.0 % (n = 50; 95 % interval 24 to 50 %); 2.0 % by the audit's verdict" in text
    page = write_report(run).read_text()
    assert "the audit said flagged" in page
    assert "seen &lt;b&gt;by&lt;/b&gt; hand" in page


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path)
    given = ("overrule", str(run.path), "--verdict", "clean")
    assert run_cli(*given, "--reason", "a person looked") == 0
    assert "overruling the audit's flagged" in capsys.readouterr().out
    assert json.loads(run.overrule.read_text())["reason"] == "a person looked"
    assert run_cli(*given, "--reason", " ") == 2
    assert "reason: is empty" in capsys.readouterr().err
    assert run_cli("overrule", str(run.path), "--verdict", "maybe", "--reason", "x") == 2


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 2001])
def test_a_reason_is_needed(tmp_path: Path, reason: str) -> None:
    run = make_run(tmp_path)
    before = run.scores.read_bytes()
    with pytest.raises(PtbLiteError, match="reason"):
        overrule(run, Verdict.CLEAN, reason)
    assert run.scores.read_bytes() == before
    assert not run.overrule.exists()


def test_a_run_without_scores_cannot_be_overruled(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_record(run.status, make_run(tmp_path).read_status())
    with pytest.raises(PtbLiteError, match="no scores yet"):
        overrule(run, Verdict.CLEAN, "too early")


@pytest.mark.parametrize(
    ("policy", "counted"), [("reset", 0.02), ("deduct", 0.02), ("zero", 0.0), ("none", 0.36)]
)
def test_recount_by_policy(tmp_path: Path, policy: str, counted: float) -> None:
    run = make_run(tmp_path)
    scores = run.read_scores()
    assert scores is not None
    write_record(run.scores, scores.model_copy(update={"policy": policy}))
    (item,) = overrule(run, Verdict.FLAGGED, "still").benchmarks
    assert item.counted.score == pytest.approx(counted)
    if policy == "zero":
        assert (item.counted.low, item.counted.high) == (0.0, 0.0)
