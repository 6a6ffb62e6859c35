"""When something was handed in, as seen from outside a folder that is not to be trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptb_lite.runner.agent.submissions import SubmissionWatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "final_model"


def put(folder: Path, name: str, size: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x" * size)


def times(watch: SubmissionWatch, seconds: float) -> list[float]:
    return [seen.seconds for seen in watch.finish(seconds)]


def test_nothing_handed_in_is_nothing(folder: Path) -> None:
    watch = SubmissionWatch(folder)
    watch.look(1.0)
    folder.mkdir()
    watch.look(2.0)
    watch.look(9.0)
    assert times(watch, 10.0) == []


def test_what_is_written_in_steps_is_one_submission(folder: Path) -> None:
    watch = SubmissionWatch(folder)
    put(folder, "adapter_config.json", 10)
    watch.look(5.0)
    put(folder, "adapter_model.safetensors", 90)
    watch.look(5.5)
    for seconds in (6.0, 6.6, 7.0, 60.0):
        watch.look(seconds)
    (only,) = watch.finish(70.0)
    assert (only.seconds, only.files, only.bytes) == (5.5, 2, 100)


def test_each_later_one_is_seen_and_so_is_the_last_moments(folder: Path) -> None:
    watch = SubmissionWatch(folder)
    for begin in (1.0, 11.0):
        put(folder, "adapter_model.safetensors", int(begin))
        watch.look(begin)
        watch.look(begin + 1.0)
    put(folder, "adapter_model.safetensors", 50)
    assert times(watch, 20.0) == [1.0, 11.0, 20.0]


def test_a_replaced_folder_of_the_same_files_is_another_one(folder: Path) -> None:
    watch = SubmissionWatch(folder)
    put(folder, "a", 1)
    watch.look(1.0)
    watch.look(2.0)
    folder.rename(folder.with_name("old"))
    watch.look(3.0)
    put(folder, "a", 1)
    watch.look(4.0)
    assert times(watch, 9.0) == [1.0, 4.0]


def test_links_and_odd_files_are_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, "secret", 1000)
    folder.symlink_to(outside)
    watch = SubmissionWatch(folder)
    watch.look(1.0)
    assert times(watch, 9.0) == []
    folder.unlink()
    folder.mkdir()
    (folder / "link").symlink_to(outside / "secret")
    os.mkfifo(folder / "pipe")
    (only,) = watch.finish(10.0)
    assert only.files == 2
    assert only.bytes < 1000


def test_a_folder_of_very_many_files_costs_little(folder: Path) -> None:
    folder.mkdir()
    for n in range(300):
        (folder / str(n)).touch()
    (only,) = (watch := SubmissionWatch(folder)).finish(1.0)
    assert only.files == 100
    assert len(watch.finish(2.0)) == 1
