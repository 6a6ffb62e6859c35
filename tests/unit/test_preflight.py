from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.errors import SpecError
from ptb_lite.preflight import check_runs_dir, check_sandbox, check_space
from ptb_lite.sandbox import SANDBOXES

Usage = namedtuple("Usage", "total used free")
CATALOG = load_catalog(Path("/nonexistent"))


def test_a_runs_folder_that_can_be_made_is_not_made_yet(tmp_path: Path) -> None:
    check_runs_dir(tmp_path / "a" / "b")
    check_runs_dir(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "runs"):
        with pytest.raises(SpecError, match="--runs-dir"):
            check_runs_dir(path)


def test_a_file_system_that_takes_no_folder() -> None:
    with pytest.raises(SpecError) as caught:
        check_runs_dir(Path("/proc/ptb-lite-runs"))
    assert caught.value.field == "runs-dir"


def test_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_space(tmp_path / "new", 1, field="runs-dir", hint="x")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 10**8))
    with pytest.raises(SpecError, match=r"0\.1 GB are free .* 1\.0 GB are needed") as caught:
        check_space(tmp_path / "new", 10**9, field="runs-dir", hint="choose another")
    assert caught.value.hint == "Free some room, or choose another"


def test_a_sandbox_with_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent:
        name = "bubblewrap"

        def problem(self) -> str:
            return "the program bwrap is not installed"

    monkeypatch.setattr("ptb_lite.sandbox.SANDBOXES", {**SANDBOXES, "bubblewrap": Absent()})
    with pytest.raises(SpecError, match="bwrap is not installed"):
        check_sandbox("bubblewrap")
    check_sandbox("none")
