"""Who lives and how old something is do not change with the system's clock."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from ptb_lite.experiment.execute import _is_cared_for
from ptb_lite.files import write_record
from ptb_lite.launchers.local import LocalLauncher, LocalOptions
from ptb_lite.locks import _alive
from ptb_lite.moments import process_began, this_moment
from ptb_lite.runner.launch import _runner_process
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.heartbeat import FILE, beats_elsewhere
from ptb_lite.runs.records import Status

HOUR = 3600.0


@pytest.fixture
def process() -> Iterator[int]:
    running = subprocess.Popen(["sleep", "1000"])
    yield running.pid
    running.kill()
    running.wait()


@pytest.fixture(params=[-HOUR, 0.0, HOUR])
def clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine's clock is set by after all was written."""
    wall, boot = time.time, psutil.boot_time()
    monkeypatch.setattr("ptb_lite.moments.time.time", lambda: wall() + request.param)
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: boot + request.param)


def status(**more: object) -> Status:
    return Status.model_validate({"run_id": "r", "started": datetime.now(UTC), **more})


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("age", [0.0, 2 * HOUR])
def test_a_runner_elsewhere_is_believed_by_the_clock_of_the_folder(
    tmp_path: Path, age: float
) -> None:
    beat, owner = tmp_path / FILE, tmp_path / "x.lock.owner"
    beat.touch()
    owner.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    now = beat.stat().st_mtime
    for each in (beat, owner):
        os.utime(each, (now - age, now - age))
    assert beats_elsewhere(tmp_path, "elsewhere") is (age == 0.0)
    assert not beats_elsewhere(tmp_path, socket.gethostname())
    assert _alive(owner) is (age == 0.0)
    assert set(tmp_path.iterdir()) == {beat, owner}


@pytest.mark.usefixtures("clock")
def test_a_process_is_known_again(process: int) -> None:
    found = _runner_process(status(pid=process, process_began=process_began(process)))
    assert found is not None
    assert found.pid == process
    began = process_began(os.getpid())
    assert _runner_process(status(pid=process, process_began=began)) is None


def test_a_process_of_an_older_run_is_known_again(process: int) -> None:
    started = psutil.Process(process).create_time()
    assert _runner_process(status(pid=process, process_started=started)) is not None
    assert _runner_process(status(pid=process, process_started=started - 5)) is None
    assert _runner_process(status(pid=process)) is None


@pytest.mark.parametrize("shift", [-HOUR, 0.0, HOUR])
def test_a_run_that_was_made_just_now_is_left_to_its_maker(tmp_path: Path, shift: float) -> None:
    run = RunFolder(tmp_path)
    then = datetime.now(UTC) + timedelta(seconds=shift)
    made = this_moment()
    for moment, expected in (
        (made, True),
        (made.model_copy(update={"seconds": made.seconds - HOUR}), False),
        (made.model_copy(update={"boot": "another"}), shift == 0.0),
    ):
        write_record(run.status, status(started=then, moment=moment))
        assert _is_cared_for(run, LocalLauncher(LocalOptions(), 1)) is expected
