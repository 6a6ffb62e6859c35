"""Which launcher a name means, and what is said when it means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.errors import PtbLiteError
from ptb_lite.launchers.local import LocalLauncher
from ptb_lite.launchers.protocol import JobState
from ptb_lite.launchers.settings import find_launcher
from ptb_lite.launchers.slurm import _minutes_of, _state


def test_local_takes_so_many_at_a_time(tmp_path: Path) -> None:
    launcher = find_launcher("local", at_most=3, config=tmp_path)
    assert isinstance(launcher, LocalLauncher)
    assert [launcher.room(active) for active in (0, 2, 3, 5)] == [3, 1, 0, 0]


def test_a_person_names_an_entry(tmp_path: Path) -> None:
    (tmp_path / "launchers.yaml").write_text("two: {launcher: local, gpus: ['0', '1']}\n")
    assert isinstance(find_launcher("two", at_most=2, config=tmp_path), LocalLauncher)
    with pytest.raises(PtbLiteError, match="3 runs at a time on 2 GPUs"):
        find_launcher("two", at_most=3, config=tmp_path)


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "cluster", "there is no launcher 'cluster'"),
        ("local: {gpu: 1}", "local", "launchers.yaml: local.gpu"),
        ("mine: 3", "mine", "needs its options"),
        ("mine: {launcher: [1]}", "mine", "is not the name of a launcher"),
        ("mine: {launcher: lsf}", "mine", "launchers.yaml: mine.launcher: there is no 'lsf'"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, text: str, name: str, says: str) -> None:
    (tmp_path / "launchers.yaml").write_text(text or "{}\n")
    with pytest.raises(PtbLiteError) as caught:
        find_launcher(name, config=tmp_path)
    assert says in str(caught.value)


def test_without_slurm_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PtbLiteError, match="sbatch is not on the path"):
        find_launcher("slurm", config=tmp_path)


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [
        ("infinite", None),
        ("30", 30),
        ("1:30", 1.5),
        ("2:00:00", 120),
        ("1-00:00:00", 1440),
        ("1-12", 2160),
        ("n/a", None),
    ],
)
def test_slurms_times(limit: str, minutes: float | None) -> None:
    assert _minutes_of(limit) == minutes


@pytest.mark.parametrize(
    ("word", "state"),
    [("PENDING", "queued"), ("COMPLETING", "running"), ("TIMEOUT", "gone"), (None, "gone")],
)
def test_slurms_states(word: str | None, state: str) -> None:
    assert _state(word) == JobState(state)
