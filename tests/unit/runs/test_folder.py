"""Run folders: found by id, and known to be alive or not by a lock."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from ptb_lite.errors import PtbLiteError, RunNotFoundError, SpecError
from ptb_lite.files import read_record, write_record, write_text
from ptb_lite.runs.folder import RunFolder, find_run, list_runs, new_run_folder, require_folder
from ptb_lite.runs.records import Status


def make_run(runs_dir: Path, name: str) -> RunFolder:
    folder = runs_dir / name
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text("{}")
    return RunFolder(folder)


def test_runs_are_found_by_id_beginning_end_path_and_last(tmp_path: Path) -> None:
    one = make_run(tmp_path, "20260101-000000-aaaa")
    two = make_run(tmp_path, "20260102-000000-bbbb")
    make_run(tmp_path, "not-a-run")
    assert [run.run_id for run in list_runs(tmp_path)] == [one.run_id, two.run_id]
    for name in (two.run_id, "20260102", "bbbb", "last", str(two.path)):
        assert find_run(tmp_path, name).path == two.path
    with pytest.raises(RunNotFoundError, match="there is no run 'cccc'"):
        find_run(tmp_path, "cccc")
    with pytest.raises(RunNotFoundError, match="2 runs match '2026'"):
        find_run(tmp_path, "2026")
    with pytest.raises(RunNotFoundError, match="is no run's folder"):
        find_run(tmp_path, str(tmp_path))
    with pytest.raises(RunNotFoundError, match="nor any other, and"):
        find_run(tmp_path / "absent", "last")
    assert list_runs(tmp_path / "absent") == []


def test_a_new_run_folder_is_empty_and_its_own(tmp_path: Path) -> None:
    one, two = new_run_folder(tmp_path / "runs"), new_run_folder(tmp_path / "runs")
    assert one.path != two.path
    assert list(one.path.iterdir()) == []


def test_a_runs_folder_that_is_a_file_is_refused_with_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="--runs-dir"):
        new_run_folder(tmp_path / "file")


def test_a_runner_lives_as_long_as_its_lock_is_held(tmp_path: Path) -> None:
    run = make_run(tmp_path, "20260101-000000-aaaa")
    assert not run.runner_lives()
    handle = os.open(run.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert run.runner_lives()
    os.close(handle)
    assert not run.runner_lives()


def test_a_folder_without_a_spec_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(PtbLiteError, match=r"no spec\.json"):
        require_folder(tmp_path)


def test_a_damaged_record_names_file_and_field(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text('{"run_id": 3}')
    with pytest.raises(PtbLiteError, match=r"status\.json: cannot be read: run_id"):
        read_record(path, Status)


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udc80")
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    write_record(path, Status.model_construct(run_id="a", started=None))
    assert '"run_id": "a"' in path.read_text()
