"""One process at a time, where the file system has locks and where it has none."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ptb_lite import locks
from ptb_lite.locks import is_locked, lock_problem, try_lock, waiting_lock

HOLD = (
    "import sys, time; from pathlib import Path; from ptb_lite.locks import try_lock; "
    "lock = try_lock(Path(sys.argv[1])); print(lock is not None, flush=True); time.sleep(60)"
)


@pytest.fixture(params=["flock", errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A file system with locks, or one that refuses them; its processes see the same."""
    if request.param == "flock":
        return "flock"

    def refuse(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)
    shim = tmp_path / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(
        f"import fcntl\ndef refuse(*_):\n    raise OSError({request.param}, 'no locks')\n"
        "fcntl.flock = refuse\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{shim}{os.pathsep}{Path(__file__).parents[2]}")
    return "none"


def holder(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    return process


def test_a_lock_is_one_process_s_until_it_dies(system: str, tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    assert not is_locked(path)
    process = holder(path)
    try:
        assert is_locked(path)
        assert try_lock(path) is None
        assert (tmp_path / "x.lock.owner").exists() == (system == "none")
    finally:
        process.kill()
        process.wait()
    assert not is_locked(path)
    lock = try_lock(path)
    assert lock is not None
    assert is_locked(path)
    lock.close()
    assert not is_locked(path)
    with waiting_lock(path):
        assert is_locked(path)


def test_an_owner_on_another_machine_is_believed_while_it_beats(
    system: str, tmp_path: Path
) -> None:
    if system == "flock":
        return
    path = tmp_path / "x.lock"
    path.touch()
    owner = tmp_path / "x.lock.owner"
    owner.write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0}))
    assert is_locked(path)
    assert try_lock(path) is None
    long_ago = time.time() - 2 * locks.SILENT_SECONDS
    os.utime(owner, (long_ago, long_ago))
    assert not is_locked(path)
    lock = try_lock(path)
    assert lock is not None
    lock.close()


def test_another_process_with_the_same_number_is_not_the_owner(system: str, tmp_path: Path) -> None:
    if system == "flock":
        return
    path = tmp_path / "x.lock"
    lock = try_lock(path)
    assert lock is not None
    owner = tmp_path / "x.lock.owner"
    owner.write_text(
        json.dumps({**json.loads(owner.read_bytes()), "began": {"boot": "x", "seconds": 1.0}})
    )
    assert not is_locked(path)
    lock.close()


def test_the_doctor_tries_it(system: str, tmp_path: Path) -> None:
    assert bool(lock_problem(tmp_path)) == (system == "none")
    assert not list(tmp_path.glob(".ptb-lite-lock*"))


@pytest.mark.usefixtures("system")
def test_a_command_works_there(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "20260101-000000-abcd"
    run.mkdir(parents=True)
    (run / "spec.json").write_text("{}")
    (run / "runner.lock").touch()
    done = subprocess.run(
        [sys.executable, "-m", "ptb_lite", "ls", "--runs-dir", str(tmp_path / "runs")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "bug" not in done.stderr + done.stdout, done.stderr
    assert done.returncode == 0
