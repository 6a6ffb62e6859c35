"""Reports drawn from a run's folder: complete, escaped, never a percentage alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.events import Flag, Outcome, Phase, Verdict
from ptb_lite.files import write_record
from ptb_lite.report.data import gather, paired_text
from ptb_lite.report.html import write_report
from ptb_lite.report.text import report_text
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import (
    Average,
    BenchmarkScores,
    CountedScore,
    Paired,
    PhaseEnd,
    Score,
    Scores,
    Status,
    TimeUsed,
)
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import duration, visible

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202eevil\x07"
SALT = "a-secret-salt-of-this-installation"


def make_run(tmp_path: Path, *, benchmarks: int = 1, submitted: bool = True) -> RunFolder:
    run = RunFolder(tmp_path / "20250101-000000-abcd")
    run.path.mkdir()
    spec = RunSpec(
        benchmarks=tuple(f"bench-{i}" for i in range(benchmarks)),
        budget_minutes=3,
        item_salt=SALT,
        packages={"torch": "2.13.0", "lm-eval": "0.4.13"},
    )
    write_record(run.spec, spec)
    ends = tuple(PhaseEnd(phase=p, outcome=Outcome.FINISHED, seconds=61.0) for p in Phase)
    now = datetime(2025, 1, 1, tzinfo=UTC)
    write_record(
        run.status,
        Status(run_id=run.run_id, state="ended", started=now, outcome="finished", phases=ends),
    )
    raw = Score(n=50, correct=18, score=0.36, low=0.2414, high=0.4986)
    paired = Paired(gained=15, lost=4, p_value=0.0192, difference=0.22, low=0.05, high=0.37)
    scored = BenchmarkScores(
        benchmark="bench",
        title=f"Sums {HOSTILE}",
        num_fewshot=5,
        zero_shot=Score(n=50, correct=1, score=0.02, low=0.0035, high=0.105),
        few_shot=Score(n=50, correct=7, score=0.14, low=0.07, high=0.262),
        raw=raw if submitted else None,
        counted=CountedScore(score=0.02, low=0.0035, high=0.105, mark="flagged: base score"),
        after_vs_zero_shot=paired if submitted else None,
        after_vs_few_shot=paired if submitted else None,
    )
    scores = Scores(
        run_id=run.run_id,
        model="gemma",
        agent="recipe",
        seed=0,
        sandbox="none",
        feedback="dev",
        policy="reset",
        verdict=Verdict.FLAGGED,
        verdict_reason=f"overlap: 1× test-item {HOSTILE}",
        submission_valid=submitted,
        submission_reason="" if submitted else "pickle: model.bin is a pickle",
        benchmarks=(scored,) * benchmarks,
        average=Average(
            weights="equal weights", zero_shot=0.02, few_shot=0.14, raw=0.36, counted=0
        ),
        time=TimeUsed(
            budget_seconds=180,
            agent_seconds=90,
            agent_outcome=Outcome.FINISHED,
            phases={end.phase.value: end.seconds for end in ends},
            untested="claude 9.9.9 was not tested, 2.1.332 was",
        ),
    )
    write_record(run.scores, scores)
    flag = Flag(
        detector="overlap",
        kind="test-item",
        message="test item t7 stands in x.jsonl",
        file=f"x{HOSTILE}.jsonl",
        line=12,
        excerpt=f"57 + 87 {HOSTILE}",
        item_id="t7",
        item_text="57 + 87",
        similarity=0.987,
    )
    results = (
        DetectorResult(detector="overlap", status="flagged", flags=(flag,), notes=(HOSTILE,)),
        DetectorResult(detector="harness", status="skipped", reason="crashed: OSError"),
    )
    record = AuditRecord(results=results, verdict=Verdict.FLAGGED, reason="overlap: 1× test-item")
    write_record(run.audit, record)
    return run


class Page(HTMLParser):
    """Collects tags and text, and whether every opened tag is closed."""

    VOID = frozenset({"meta", "br", "line", "rect", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_holds_everything_and_nothing_hostile(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert write_report(run) == run.report
    text = run.report.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "script" not in {tag for tag, _attributes in page.tags}
    assert not set("\x1b\x07\u202e") & set(text)
    assert SALT not in text
    words = " ".join(page.words)
    for expected in (
        "18 of 50", "24 to 50 %", "1 of 50", "7 of 50", "few-shot (5 examples)", "after, counted",
        "15 items gained, 4 lost", "p = 0.0192", "+22.0 points", "flagged: base score",
        "test item t7 stands", ".jsonl:12", "similarity 0.99", "57 + 87", "crashed: OSError",
        "1 min 30 s of 3 min 00 s", "50 % of its budget", "torch", "2.13.0", "sandbox none",
        "the agent was not held", "decides", "baseline", "1 min 01 s", "9.9.9 was not tested",
    ):  # fmt: skip
        assert expected in words, expected


def test_html_needs_no_network(tmp_path: Path) -> None:
    text = write_report(make_run(tmp_path)).read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=|url\(|@import|<link", text)
    for _tag, attributes in Page(text).tags:
        assert not {"href", "src", "onload", "onclick"} & set(attributes)
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text


def test_bars_and_intervals_are_where_the_scores_are(tmp_path: Path) -> None:
    page = Page(write_report(make_run(tmp_path)).read_text(encoding="utf-8"))
    rects = [attributes for tag, attributes in page.tags if tag == "rect"]
    assert [rect["class"] for rect in rects] == ["before", "before", "raw", "counted"]
    assert [float(rect["width"] or 0) for rect in rects] == pytest.approx(
        [380 * score for score in (0.02, 0.14, 0.36, 0.02)]
    )
    paths = [attributes["d"] or "" for tag, attributes in page.tags if tag == "path"]
    assert paths[2].startswith(f"M{10 + 380 * 0.2414:.2f} ")
    assert f"H{10 + 380 * 0.4986:.2f}" in paths[2]


def test_text_never_shows_a_bare_percentage(tmp_path: Path) -> None:
    text = report_text(make_run(tmp_path))
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    for line in text.splitlines():
        if re.search(r"\d\.\d %", line):
            assert "95 % interval" in line
            assert " of 50" in line or "n = 50" in line
    assert "violation overlap/test-item" in text
    assert "harness skipped: crashed" in text
    assert "agent's program: claude 9.9.9 was not tested, 2.1.332 was" in text
    assert SALT not in text


def test_no_valid_submission_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path, submitted=False)
    text = report_text(run)
    assert "No score: what was submitted cannot be used (pickle: model.bin is a pickle)" in text
    assert "nothing was scored after" in text
    assert "after, raw" not in text
    assert "No score: what was submitted cannot be used (pickle" in write_report(run).read_text(
        encoding="utf-8"
    )


def test_averages_come_with_their_size(tmp_path: Path) -> None:
    data = gather(make_run(tmp_path, benchmarks=2))
    assert "2 benchmarks with 100 items in all, equal weights" in data.average
    (tmp_path / "one").mkdir()
    assert gather(make_run(tmp_path / "one")).average == ""


def test_a_run_without_scores_is_reported_as_far_as_it_went(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    run.scores.unlink()
    run.audit.write_text("{ damaged")
    assert "no scores: finished" in report_text(run)
    assert "No scores" in write_report(run).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.25, "0.2 s"), (42, "42 s"), (250, "4 min 10 s"), (7500, "2 h 05 min"), (59.7, "60 s")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_visible_replaces_what_is_not_seen() -> None:
    assert visible("a\x1b[0m\u202eb\nc") == "a\ufffd[0m\ufffdb\nc"


def test_tiny_p_values_are_not_zero() -> None:
    test = Paired(gained=40, lost=0, p_value=1e-12, difference=0.8, low=0.6, high=0.9)
    assert "p < 0.0001" in paired_text(test)
