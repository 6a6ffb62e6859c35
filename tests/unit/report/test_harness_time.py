"""What a report says of the time that went neither to the agent nor to generation."""

from __future__ import annotations

from pathlib import Path

from ptb_lite.cli.common.summary import describe
from ptb_lite.files import write_record
from ptb_lite.report.data import gather
from ptb_lite.report.html import run_html
from ptb_lite.report.text import render_text
from ptb_lite.runs.folder import RunFolder
from ptb_lite.tui.models.result.view import read_result
from tests.unit.report.test_report import make_run

# Every phase of `make_run` took 61 s.
HARNESS = {"between phases": 0.5, "prepare": 61.0, "baseline": 9.5, "agent": 0.2, "seal": 0.01}
SENTENCE = (
    "2 min 12 s of 7 min 08 s, 30.9 %, went neither to the agent nor to generation: "
    "between phases 0.5 s, prepare 1 min 01 s, baseline 9.5 s, agent 0.2 s, report 1 min 01 s"
)


def with_harness(run: RunFolder, harness: dict[str, float]) -> RunFolder:
    scores = run.read_scores()
    assert scores is not None
    time = scores.time.model_copy(update={"harness": harness})
    write_record(run.scores, scores.model_copy(update={"time": time}))
    return run


def test_text_page_and_show_say_it_by_phase(tmp_path: Path) -> None:
    run = with_harness(make_run(tmp_path), HARNESS)
    assert gather(run).harness_text == SENTENCE
    text = " ".join(render_text(gather(run)).split())
    assert f"harness: {SENTENCE}" in text
    assert f"The harness: {SENTENCE}." in run_html(run)
    assert SENTENCE in " ".join(" ".join(describe(run)).split())


def test_the_apps_result_says_it_too(tmp_path: Path) -> None:
    run = with_harness(make_run(tmp_path), HARNESS)
    facts = dict(read_result(run).facts)
    assert facts["neither agent nor scoring"] == "1 min 11 s of all phases"


def test_a_run_of_an_earlier_version_says_nothing_of_it(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert gather(run).harness_text == ""
    assert "harness:" not in render_text(gather(run))
    assert "The harness:" not in run_html(run)
    assert "neither agent nor scoring" not in dict(read_result(run).facts)
