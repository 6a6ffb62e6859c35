"""The one-file report: its plots, its samples, and nothing of a run that could do harm."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ptb_lite.events import AgentEvent, AgentEventKind, AgentSpoke, Phase, PhaseStarted, Record
from ptb_lite.files import write_record
from ptb_lite.report.drawing import WIDTH, curve, timeline
from ptb_lite.report.html import run_html, write_report
from ptb_lite.report.timeline import Mark, RunTimeline, Span
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter
from ptb_lite.runs.records import HubCacheSeen, HubHeldBack, HubRepository, PaperLine
from tests.unit.report.test_report import HOSTILE, SALT, Page, make_run
from tests.unit.report.test_samples import write


def test_the_recordings_report_has_everything() -> None:
    text = run_html(recorded_demo())
    page = Page(text)
    assert page.open == []
    words = " ".join(page.words)
    for expected in (
        "27.3 %", "Submitted 2 times", "Not used: 51 s", "Turns: 1", "step 183",
        "60 of 150 items", "gained", "lost", "offline-demo", "2.13.0",
    ):  # fmt: skip
        assert expected in words, expected
    # Three plots: scores, timeline, loss.
    assert [tag for tag, _ in page.tags].count("svg") == 3
    assert not re.search(r"https?://|src=|url\(|@import|<link|<script", text)
    assert len(text) < 100_000


def test_what_changed_is_among_the_samples_shown(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    many = {f"item{n}": n < 5 for n in range(200)}
    for label, right in (("zero_shot", dict.fromkeys(many, False)), ("after", many)):
        path = write(run, label, right)
        path.rename(path.with_name(f"{label}.bench.samples.jsonl"))
    words = " ".join(Page(run_html(run)).words)
    assert "60 of 200 items" in words
    assert [f"q item{n}" in words for n in (0, 4, 5, 190)] == [True, True, True, False]


def test_hostile_text_in_journal_samples_and_names_is_escaped(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    hostile: list[Record] = [
        PhaseStarted(phase=Phase.AGENT),
        AgentSpoke(event=AgentEvent(kind=AgentEventKind.TRAINING, data={"step": 1, "loss": 1e308})),
        AgentSpoke(
            event=AgentEvent(kind=AgentEventKind.TRAINING, data={"step": 2, "loss": -1e308})
        ),
    ]
    writer = JournalWriter(run.journal)
    for payload in hostile:
        writer.write(payload)
    writer.close()
    for label in ("zero_shot", "after"):
        path = write(run, label, {HOSTILE: True})
        path.rename(path.with_name(f"{label}.bench.samples.jsonl"))
        target = path.with_name(f"{label}.bench.samples.jsonl")
        target.write_text(target.read_text().replace('"extracted":"1"', '"extracted":"<b>x</b>"'))
    text = run_html(run)
    page = Page(text)
    assert page.open == []
    assert "script" not in {tag for tag, _ in page.tags}
    assert "<b>x</b>" in " ".join(page.words)
    assert not set("\x1b\x07\u202e") & set(text)
    assert "nan" not in text.split("<h2>Choices")[0].replace("finance", "")
    assert SALT not in text


def test_published_figures_are_marked_as_such(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    scores = run.read_scores()
    assert scores is not None
    first = scores.benchmarks[0].model_copy(
        update={"paper": (PaperLine(label="best agent <i>", score=0.232),)}
    )
    write_record(run.scores, scores.model_copy(update={"benchmarks": (first,)}))
    words = " ".join(Page(write_report(run).read_text()).words)
    assert "paper: best agent <i>" in words
    assert "23.2 % (published, not measured here)" in words


def test_a_report_can_be_made_of_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "copy")
    shutil.copytree(recorded_demo().path, run.path)
    run.path.chmod(0o500)
    try:
        assert run_html(run).startswith("<!doctype html>")
    finally:
        run.path.chmod(0o700)


def test_a_timeline_is_to_scale() -> None:
    course = RunTimeline(
        seconds=100,
        spans=(Span("a", 0, 50), Span("b", 50, 100)),
        marks=(Mark("submission", 75, "handed in"),),
    )
    drawn = timeline(course)
    assert drawn is not None
    first, second = drawn.blocks
    assert first.width == second.width == pytest.approx((WIDTH - 80) / 2)
    assert second.x == pytest.approx(first.x + first.width)
    assert drawn.ticks[0].x == pytest.approx(second.x + second.width / 2)
    assert timeline(RunTimeline()) is None


def test_a_curve_fills_its_room_and_needs_two_points() -> None:
    drawn = curve(((1, 4.0), (2, 2.0), (3, 0.0)))
    assert drawn is not None
    places = [tuple(map(float, place.split())) for place in drawn.path[1:].split("L")]
    assert places == [(44, 8), (224, 69), (404, 130)]
    assert (drawn.low, drawn.high, drawn.first, drawn.last) == (0, 4, 1, 3)
    assert curve(((1, 1.0),)) is None
    level = curve(((1, 1.0), (2, 1.0)))
    assert level is not None
    assert "130" in level.path


def test_the_limits_and_what_was_shown_of_a_hub_cache(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    words = " ".join(Page(run_html(run)).words)
    assert "nine tenths of the machine's" in words
    assert "4,096" in words
    assert "Hub cache" not in words
    write_record(run.spec, run.read_spec().model_copy(update={"memory_gb": 3.5, "disk_gb": 20.0}))
    held = HubHeldBack(kind="model", name="a-name-of-mine", reason="it is incomplete")
    shown = HubRepository(kind="model", name="another-name-of-mine")
    loaded = HubRepository(kind="dataset", name=f"acme/{HOSTILE}", bytes=2_500_000)
    record = HubCacheSeen(
        choice="shared", shown=(shown, shown), held_back=(held,), downloaded=(loaded,) * 25
    )
    write_record(run.hub_cache, record)
    text = run_html(run)
    words = " ".join(Page(text).words)
    for expected in ("3.5 GB", "20 GB", "2 of the person's repositories", "1 held back",
                     "(dataset, 2.5 MB)", "and 5 more"):  # fmt: skip
        assert expected in words, expected
    # A report is shared: what else a person has in their cache is nobody's business.
    assert "of-mine" not in text
    assert "<script>" not in text
