"""Runs as rows: read, sorted, filtered, ranked, compared."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from ptb_lite.events import Verdict
from ptb_lite.runs.index import FILE, RunIndex
from ptb_lite.runs.records import Success, SuccessTerm
from ptb_lite.runs.summary import RunSummary, summarise_run
from ptb_lite.tui.models.history.compare import CompareView, compare_runs
from ptb_lite.tui.models.history.rows import (
    COLUMNS,
    count_success,
    filter_rows,
    marked_rows,
    percent,
    rank_rows,
    sort_rows,
)
from tests.unit.tui.folders import FLAG, finished_run

BY_ID = {column.id: column for column in COLUMNS}


def row(number: int, **values: object) -> RunSummary:
    run_id = f"20260101-00000{number}-abcd"
    return RunSummary(run_id, run_id, "finished", **values)  # type: ignore[arg-type]


def test_runs_are_read_oldest_first(tmp_path: Path) -> None:
    finished_run(tmp_path, "20260101-000000-aaaa")
    finished_run(tmp_path, "20260102-000000-bbbb", raw=0.5, verdict=Verdict.FLAGGED, counted=0.04)
    second, first = RunIndex(tmp_path).read()
    assert (first.run_id, first.state, first.verdict) == (
        "20260102-000000-bbbb",
        "finished",
        "flagged",
    )
    assert (first.raw, first.counted, first.few_shot, first.n) == (0.5, 0.04, 0.10, 100)
    assert first.over_few_shot == pytest.approx(-0.06)
    assert second.counted == 0.25


@pytest.mark.parametrize("again", [True, False], ids=["same reader", "index on disk"])
def test_an_ended_run_is_read_again_only_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    monkeypatch.setattr("ptb_lite.runs.index._WORTH_KEEPING", 1)
    run = finished_run(tmp_path, "20260101-000000-aaaa")
    finished_run(tmp_path, "20260102-000000-bbbb")
    reader = RunIndex(tmp_path)
    before = reader.read()
    read: list[str] = []
    monkeypatch.setattr(
        "ptb_lite.runs.index.summarise_run",
        lambda each: read.append(each.run_id) or summarise_run(each),
    )
    reader = reader if again else RunIndex(tmp_path)
    assert reader.read() == before
    assert read == []
    other = finished_run(tmp_path / "other", "20260101-000000-aaaa", raw=0.9)
    shutil.copy(other.scores, run.scores)
    os.utime(run.scores, ns=(1, 1))
    assert reader.read()[0].raw == 0.9
    assert read == [run.run_id]
    shutil.rmtree(run.path)
    assert [each.run_id for each in RunIndex(tmp_path).read()] == ["20260102-000000-bbbb"]


@pytest.mark.parametrize("damage", [b"", b"{", b"\x00", b'{"version": 2, "runs": {}}', b"[1]"])
def test_a_damaged_index_costs_time_alone(tmp_path: Path, damage: bytes) -> None:
    finished_run(tmp_path, "20260101-000000-aaaa")
    (tmp_path / FILE).write_bytes(damage)
    assert RunIndex(tmp_path).read()[0].counted == 0.25


def test_a_run_at_work_a_dead_one_and_a_damaged_one(tmp_path: Path) -> None:
    at_work, dead, damaged = (
        finished_run(tmp_path, f"20260101-00000{number}-aaaa") for number in range(3)
    )
    for run in (at_work, dead):
        text = run.status.read_text()
        run.status.write_text(text.replace('"ended"', '"started"', 1))
    damaged.status.write_text("{]")
    damaged.spec.write_text("[]")
    lock = os.open(at_work.lock, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        rows = {row.run_id: row for row in RunIndex(tmp_path).read()}
    finally:
        os.close(lock)
    assert rows[at_work.run_id].state == "running: starting"
    assert rows[dead.run_id].state == "interrupted"
    assert rows[damaged.run_id].state == "unreadable"
    assert rows[damaged.run_id].model == "?"


def test_success_is_a_column_and_is_counted() -> None:
    def told(number: int, how: str, needed: int | None = None) -> RunSummary:
        term = SuccessTerm(term="p < 0.05", told=how, why="w", needed_n=needed)
        return row(number, success=Success(declared="p < 0.05", told=how, terms=(term,)))

    rows = (told(1, "met"), told(2, "cannot be told", 1200), row(3), told(4, "not met"))
    assert [BY_ID["success"].text(each) for each in rows] == [
        "met",
        "cannot be told (1,200 items would)",
        "-",
        "not met",
    ]
    said = count_success(rows)
    assert said == "1 met, 1 not met, 1 cannot be told (1,200 items would)"
    assert count_success((row(3),)) == ""
    assert filter_rows(rows, "not met") == (rows[3],)


def test_no_folder_holds_no_runs(tmp_path: Path) -> None:
    assert RunIndex(tmp_path / "absent").read() == ()


def test_runs_without_a_value_come_last_either_way() -> None:
    rows = (row(1, counted=0.1), row(2), row(3, counted=0.3))
    up = sort_rows(rows, BY_ID["counted"], descending=False)
    down = sort_rows(rows, BY_ID["counted"], descending=True)
    assert [each.run_id[14] for each in up] == ["1", "3", "2"]
    assert [each.run_id[14] for each in down] == ["3", "1", "2"]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.id)
def test_every_column_sorts_and_shows_any_run(column: object, tmp_path: Path) -> None:
    finished_run(tmp_path, "20260101-000000-aaaa")
    rows = (*RunIndex(tmp_path).read(), row(1))
    assert column in COLUMNS
    index = COLUMNS.index(column)
    assert len(sort_rows(rows, COLUMNS[index], descending=True)) == 2
    assert all(isinstance(COLUMNS[index].text(each), str) for each in rows)


def test_every_typed_word_must_occur() -> None:
    rows = (row(1, model="gemma", verdict="clean"), row(2, model="qwen", verdict="clean"))
    assert filter_rows(rows, "CLEAN gem") == rows[:1]
    assert filter_rows(rows, "") == rows
    assert filter_rows(rows, "flagged") == ()


def test_a_leaderboard_ranks_within_what_compares() -> None:
    same = {"model": "gemma", "benchmarks": ("add",), "n": 100}
    rows = (
        row(1, raw=0.2, counted=0.2, **same),
        row(2, raw=0.9, counted=0.1, **same),
        row(3, raw=0.2, counted=0.2, **same),
        row(4, raw=0.5, counted=0.5, model="gemma", benchmarks=("add",), n=50),
        row(7, raw=0.99, counted=0.99, interrupted=True, **same),
        row(5, model="gemma", benchmarks=("add",), n=100),
    )
    by_counted = [(each.place, each.row.run_id[14]) for each in rank_rows(rows, "counted")]
    assert by_counted == [(1, "1"), (1, "3"), (3, "2"), (1, "4")]
    by_raw = [(each.place, each.row.run_id[14]) for each in rank_rows(rows, "raw")]
    assert by_raw == [(1, "2"), (2, "1"), (2, "3"), (1, "4")]


def test_marked_rows_are_compared_oldest_first() -> None:
    rows = (row(3), row(2), row(1))
    marked = marked_rows(rows, {rows[0].run_id, rows[2].run_id})
    assert [each.run_id[14] for each in marked] == ["1", "3"]


def test_a_missing_score_is_no_zero() -> None:
    assert percent(None) == "-"
    assert percent(0.0) == "0.0 %"


def _lines(view: CompareView) -> dict[str, tuple[str, ...]]:
    return {line.label: line.values for section in view.sections for line in section.lines}


def test_runs_side_by_side(tmp_path: Path) -> None:
    clean = finished_run(tmp_path, "20260101-000000-aaaa")
    flagged = finished_run(
        tmp_path,
        "20260101-000001-bbbb",
        raw=0.9,
        verdict=Verdict.FLAGGED,
        counted=0.04,
        flags=(FLAG, FLAG),
        policy="none",
        seed=4,
        item_salt="another-salt",
        packages={"torch": "1"},
    )
    view = compare_runs([clean.path, flagged.path])
    lines = _lines(view)
    assert lines["add-numbers: after, raw"] == ("25.0 % [0 to 100]", "90.0 % [0 to 100]")
    assert lines["average, counted"] == ("25.0 %", "4.0 %")
    assert lines["verdict"] == ("clean", "FLAGGED")
    assert lines["violation: overlap test-data"] == ("0", "2")
    assert lines["policy"] == ("reset", "none")
    assert lines["seed"] == ("0", "4")
    assert lines["packages torch"] == ("-", "1")
    assert "budget_minutes" not in lines
    assert view.notes == ()


def test_the_secret_of_the_items_is_never_shown(tmp_path: Path) -> None:
    one = finished_run(tmp_path, "20260101-000000-aaaa", item_salt="salt-one")
    two = finished_run(tmp_path, "20260101-000001-bbbb", item_salt="salt-two")
    assert "salt-" not in str(compare_runs([one.path, two.path]))


def test_other_items_are_said(tmp_path: Path) -> None:
    one = finished_run(tmp_path, "20260101-000000-aaaa")
    two = finished_run(tmp_path, "20260101-000001-bbbb", items="b" * 64)
    (note,) = compare_runs([one.path, two.path]).notes
    assert "Not the same test items of add-numbers" in note


def test_a_run_that_is_gone_shows_as_nothing(tmp_path: Path) -> None:
    one = finished_run(tmp_path, "20260101-000000-aaaa")
    two = finished_run(tmp_path, "20260101-000001-bbbb")
    shutil.rmtree(two.path)
    lines = _lines(compare_runs([one.path, two.path]))
    assert lines["average, raw"] == ("25.0 %", "-")
    assert lines["model"] == ("gemma-3-270m-embedded", "-")
