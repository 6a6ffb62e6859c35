"""The recording that ships: small, whole, without a secret; and its plain lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.report.html import run_html
from ptb_lite.report.samples import read_run_samples
from ptb_lite.runner.console.replay import play, recorded_demo
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal


def test_the_recording_is_whole() -> None:
    run = recorded_demo()
    reading = read_journal(run.journal)
    assert reading.skipped == reading.newer == 0
    assert [event.seq for event in reading.events] == list(range(1, len(reading.events) + 1))
    scores = run.read_scores()
    assert scores is not None
    assert run.read_status().outcome == "finished"
    samples = read_run_samples(run, "add-numbers")
    assert len(samples.items) == 150
    assert samples.problem == ""
    assert len(run_html(run)) > 10_000


def test_the_recording_is_small_and_tells_nothing_of_where_it_was_made() -> None:
    files = [path for path in recorded_demo().path.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'"/|(?<=[\s"])/(home|root|tmp|usr|work)/', text), path
        assert '"pid": null' in text or '"pid"' not in text
    spec = recorded_demo().read_spec()
    assert not re.fullmatch(r"[0-9a-f]{16,}", spec.item_salt)


def test_it_is_played_at_its_pace() -> None:
    said: list[str] = []
    slept: list[float] = []
    play(recorded_demo(), 20, said.append, slept.append)
    assert "run 20261123-153201-3cc1" in said[0]
    assert said[-1].endswith("run finished")
    events = read_journal(recorded_demo().journal).events
    whole = (events[-1].time - events[0].time).total_seconds()
    assert sum(slept) == pytest.approx(whole / 20)


def test_an_empty_journal_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(PtbLiteError, match="nothing can be played"):
        play(RunFolder(tmp_path), 20, print)
