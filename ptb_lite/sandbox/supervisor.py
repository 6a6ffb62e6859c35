"""The runner's handle on a supervised command (see `supervise.py` for the other side)."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Outcome

_PROGRAM = Path(__file__).with_name("supervise.py")
# A Python built with shared libraries in an unusual place cannot start without this.
_KEPT_VARIABLES = ("LD_LIBRARY_PATH",)


@dataclass(frozen=True)
class Ended:
    """How a supervised command ended; by then its whole process tree is gone.

    `outcome` is FINISHED (ended by itself with code 0), FAILED (ended by itself otherwise, or
    could not be started), TIME_EXCEEDED or STOPPED. `exit_code` is set only when it ended by
    itself, negative for a signal. `seconds` is its time including the ending.
    """

    outcome: Outcome
    exit_code: int | None
    seconds: float
    detail: str


class Supervised:
    """A running command. Its methods may be called from any thread."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._ended: Ended | None = None

    @property
    def pid(self) -> int:
        """The supervising process, which is also its own process group and session."""
        return self._process.pid

    def poll(self) -> Ended | None:
        """None while it runs. Does not block."""
        with self._lock:
            if self._ended is None and self._process.poll() is not None:
                self._ended = self._collect()
            return self._ended

    def stop(self) -> None:
        """Ask for the end of the whole tree and return at once; `wait` sees it done."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(b"stop\n")
            self._process.stdin.flush()

    def wait(self, timeout: float | None = None) -> Ended | None:
        """Wait up to `timeout` seconds (None: without limit); None when it still runs then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self.poll()

    def _collect(self) -> Ended:
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        said = self._process.stdout.read()
        self._process.stdout.close()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            report = json.loads(said)
        except ValueError:
            # Guard and keeper both killed: the command's own parent-death signal ended it.
            code = self._process.returncode
            return Ended(Outcome.FAILED, None, 0.0, f"its supervisor was ended (exit code {code})")
        return Ended(
            outcome=Outcome(report["outcome"]),
            exit_code=report["exit_code"],
            seconds=report["seconds"],
            detail=report["detail"],
        )


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    deadline_seconds: float,
    stdout: Path,
    stderr: Path,
    groups: Sequence[Path] = (),
    after: Sequence[Sequence[str]] = (),
    if_orphaned: Sequence[Sequence[str]] = (),
    gains_privileges: bool = False,
    stdin: Path | None = None,
) -> Supervised:
    """Start `command` in a session of its own, with exactly `environment` and the content of the
    file `stdin` (None: nothing) on standard input.

    What it writes is appended to the files `stdout` and `stderr` byte for byte. Its whole process
    tree is killed `deadline_seconds` from now, on `stop`, when it ends by itself leaving others
    behind, and when the calling process dies in any way. A command that cannot be started shows
    as FAILED.

    It joins the control groups whose `cgroup.procs` files are given. When its tree has ended the
    commands `after` are run, and those of `if_orphaned` if the calling process has died.
    `gains_privileges`: the command is a sandbox's program, which drops privileges itself and on
    some systems must be setuid to do so.

    Raises PtbLiteError when the supervisor itself cannot be started.
    """
    if sys.platform != "linux":
        raise PtbLiteError("runs need Linux", hint="On Windows use WSL2")
    request = json.dumps(
        {
            "command": list(command),
            "environment": dict(environment),
            "cwd": os.fspath(cwd.absolute()),
            "deadline_seconds": deadline_seconds,
            "stdin": os.fspath(stdin.absolute()) if stdin is not None else os.devnull,
            "stdout": os.fspath(stdout.absolute()),
            "stderr": os.fspath(stderr.absolute()),
            "parent": os.getpid(),
            "no_new_privileges": not gains_privileges,
            "groups": [os.fspath(group) for group in groups],
            "after": [list(each) for each in after],
            "if_orphaned": [list(each) for each in if_orphaned],
        }
    ).encode("ascii")
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", os.fspath(_PROGRAM)],
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(b"%010d" % len(request) + request)
        process.stdin.flush()
    except OSError as error:
        raise PtbLiteError(f"the supervisor cannot be started: {error}") from error
    return Supervised(process)
