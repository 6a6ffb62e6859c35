"""What a report says of judges, caches, missing scores and published figures."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ptb_lite.cli.common.summary import line_cells, line_json
from ptb_lite.files import write_record
from ptb_lite.report.data import gather
from ptb_lite.report.html import run_html
from ptb_lite.report.text import render_text
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.records import Average, BenchmarkScores, Hosts, HostSeen, PaperLine, Score
from ptb_lite.runs.summary import summarise_run
from tests.unit.report.test_report import make_run

HOSTILE = "<script>evil()</script>\x1b[31m"


def page(run: RunFolder) -> str:
    return run_html(run)


def changed(run: RunFolder, average: Average | None = None, **changes: object) -> RunFolder:
    """The run with other fields in its first benchmark's scores."""
    scores = run.read_scores()
    assert scores is not None
    first, *others = scores.benchmarks
    new = first.model_copy(update=changes)
    update: dict[str, object] = {"benchmarks": (new, *others)}
    if average is not None:
        update["average"] = average
    write_record(run.scores, scores.model_copy(update=update))
    return run


def unscored(run: RunFolder) -> RunFolder:
    nothing = Average(
        weights="no benchmark has a score",
        zero_shot=None,
        few_shot=None,
        raw=None,
        counted=None,
        missing=("bench",),
    )
    return changed(
        run,
        nothing,
        zero_shot=None,
        few_shot=None,
        raw=None,
        counted=None,
        after_vs_zero_shot=None,
        after_vs_few_shot=None,
        not_scored=f"no judge is chosen {HOSTILE}",
    )


def test_not_scored_is_said_and_never_nought(tmp_path: Path) -> None:
    run = unscored(make_run(tmp_path))
    text, html = render_text(gather(run)), page(run)
    assert "note: not scored: no judge is chosen" in text
    assert "after against zero-shot: not tested: not scored" in text
    assert "0.0 %" not in text.split("verdict:")[0]
    assert "not scored: no judge is chosen" in html
    assert "<script>evil" not in html
    assert "\x1b" not in text
    assert line_cells(summarise_run(run))[5:7] == (
        "not scored",
        "No score: the submission was not graded",
    )
    assert line_json(summarise_run(run))["counted"] is None


def test_an_average_names_what_it_leaves_out(tmp_path: Path) -> None:
    run = make_run(tmp_path, benchmarks=2)
    average = Average(
        weights="the paper's weights, renormalised over 1 of its 7",
        zero_shot=0.02,
        few_shot=0.14,
        raw=0.36,
        counted=0.02,
        missing=("healthbench",),
        paper=(PaperLine(label="base few-shot", score=0.181),),
    )
    changed(run, average)
    text = render_text(gather(run))
    assert "Mean of 1 benchmarks without healthbench (not scored)" in text
    assert "renormalised over 1 of its 7" in text.replace("\n", " ")
    assert "  paper:  18.1 %  base few-shot" in text


def test_published_figures_are_marked_and_apart(tmp_path: Path) -> None:
    lines = (PaperLine(label=f"official instruct {HOSTILE}", score=0.938),)
    run = changed(make_run(tmp_path), paper=lines)
    data = gather(run)
    assert "  paper:  93.8 %  official instruct" in render_text(data)
    html = page(run)
    assert "paper: official instruct" in html
    assert "not measured here" in html
    assert "<script>evil" not in html
    # No bar of what was measured is of the paper.
    assert all("instruct" not in bar.label for view in data.benchmarks for bar in view.bars)


def test_what_so_many_items_can_show(tmp_path: Path) -> None:
    run = changed(make_run(tmp_path), needed_n=61, smallest_gain=0.093)
    text = " ".join(render_text(gather(run)).split())
    assert "with 50 items the interval is 26 points wide" in text
    assert "a gain of 9.3 points over zero-shot can be shown (power 80 %)" in text
    assert "the difference that was observed takes 61" in text
    run = changed(run, needed_n=None, smallest_gain=None)
    text = " ".join(render_text(gather(run)).split())
    assert "no gain can be shown (power 80 %)" in text
    assert "takes" not in text


def test_the_cache_the_judge_and_what_is_held_out_are_said(tmp_path: Path) -> None:
    run = changed(
        make_run(tmp_path),
        baseline_from=datetime(2026, 3, 8, 12, 30, tzinfo=UTC),
        judge="gpt-5-mini, prompt ptb-lite-rubric-1",
        held_out=25,
        also={"type-aware": 0.31},
        raw=Score(n=220, correct=3, score=0.4, low=0.3, high=0.5, method="bootstrap", graded=True),
    )
    for shown in (render_text(gather(run)), page(run)):
        words = " ".join(shown.split())
        assert "the baselines are from the cache, measured 2026-03-08 12:30 UTC" in words
        assert "judged by gpt-5-mini, prompt ptb-lite-rubric-1" in words
        assert "25 items of the test set" in words
        assert "by the rule type-aware: 31.0 %" in words
        assert "40.0 % (n = 220; 95 % interval 30 to 50 %, bootstrap)" in words


@pytest.mark.parametrize("field", ["needed_n", "not_scored", "judge", "held_out", "paper", "also"])
def test_scores_of_older_runs_are_read(tmp_path: Path, field: str) -> None:
    run = make_run(tmp_path)
    scores = run.read_scores()
    assert scores is not None
    old = scores.benchmarks[0].model_dump(mode="json")
    del old[field]
    assert BenchmarkScores.model_validate(old) == scores.benchmarks[0]


def test_hosts_that_were_asked_for_are_said_and_escaped(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert "<h2>Network</h2>" not in page(run)
    seen = (
        HostSeen(host="127.0.0.1", port=8080, allowed=True, count=1),
        HostSeen(host=HOSTILE, port=443, allowed=False, count=3),
    )
    write_record(run.hosts, Hosts(network="model-only", hosts=seen))
    html = page(run)
    assert "127.0.0.1:8080</th><td>reached, 1 time<" in html
    assert "refused</span>, 3 times<" in html
    assert "<script>evil" not in html
    assert "\x1b" not in html
    run.hosts.write_text("{")
    assert "<h2>Network</h2>" not in page(run)
