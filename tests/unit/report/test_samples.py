"""Samples side by side, from files that may be missing, damaged, links, or someone else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.evaluation.results import SampleRecord
from ptb_lite.report import samples as room
from ptb_lite.report.samples import FEW_SHOT, ZERO_SHOT, Change, read_run_samples
from ptb_lite.runs.folder import RunFolder


def write(run: RunFolder, label: str, correct: dict[str, bool]) -> Path:
    folder = run.evaluations / ("after" if label == "after" else "baseline")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{label}.b.samples.jsonl"
    lines = [
        SampleRecord(
            item_id=name, question=f"q {name}", target="1", completion=" 1", extracted="1",
            correct=right, score=float(right),
        ).model_dump_json()
        for name, right in correct.items()
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path / "run")
    write(found, ZERO_SHOT, {"a": False, "b": True, "c": True, "d": False})
    write(found, FEW_SHOT, {"a": True, "b": True, "c": True, "d": False})
    write(found, "after", {"a": True, "b": False, "c": True, "d": False})
    return found


def test_changes_are_against_the_baseline_that_is_asked_for(run: RunFolder) -> None:
    found = read_run_samples(run, "b")
    assert found.problem == ""
    assert [item.change(ZERO_SHOT) for item in found.items] == [
        Change.GAINED, Change.LOST, Change.RIGHT, Change.WRONG,
    ]  # fmt: skip
    assert found.items[0].change(FEW_SHOT) is Change.RIGHT


def test_what_was_no_target_is_counted_against_zero_shot(run: RunFolder) -> None:
    assert read_run_samples(run, "b").baseline == FEW_SHOT
    (run.evaluations / "baseline" / "few_shot.b.samples.jsonl").unlink()
    found = read_run_samples(run, "b")
    assert (found.problem, found.baseline) == ("", ZERO_SHOT)


def test_missing_and_damaged_files_leave_the_others(run: RunFolder) -> None:
    (run.evaluations / "after" / "after.b.samples.jsonl").unlink()
    path = run.evaluations / "baseline" / "few_shot.b.samples.jsonl"
    path.write_text("{ damaged\n" + path.read_text())
    found = read_run_samples(run, "b")
    assert len(found.items) == 4
    assert "few-shot: 1 damaged lines" in found.problem
    assert "after: No such file" in found.problem
    assert found.items[0].change(ZERO_SHOT) is Change.UNSCORED


def test_links_and_names_that_leave_the_folder_are_not_followed(
    run: RunFolder, tmp_path: Path
) -> None:
    path = run.evaluations / "after" / "after.b.samples.jsonl"
    outside = tmp_path / "outside.samples.jsonl"
    path.rename(outside)
    path.symlink_to(outside)
    found = read_run_samples(run, "b")
    assert "after: lies outside the run's folder" in found.problem
    assert all("after" not in item.answers for item in found.items)
    (run.evaluations / "baseline" / "zero_shot.").mkdir()
    (tmp_path / "x.samples.jsonl").write_text(outside.read_text())
    assert read_run_samples(run, "/../../../../x").items == ()


def test_no_more_items_than_can_be_kept(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_ITEMS", 2)
    found = read_run_samples(run, "b")
    assert [item.item_id for item in found.items] == ["a", "b"]
    assert "zero-shot: 2 more items" in found.problem


def test_long_answers_are_cut(run: RunFolder) -> None:
    write(run, "after", {"x" * 9000: True})
    path = run.evaluations / "after" / "after.b.samples.jsonl"
    path.write_text(path.read_text().replace('" 1"', '"' + "y" * 90_000 + '"'))
    found = read_run_samples(run, "b")
    assert max(len(item.question) for item in found.items) <= room.MAX_TEXT
    assert len(found.items[-1].answers["after"].text) == room.MAX_TEXT
