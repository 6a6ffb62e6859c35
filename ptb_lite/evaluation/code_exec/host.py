"""Runs a candidate against its tests, from the outside: two sandboxes and a clock."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ptb_lite.sandbox import SandboxPlan, sandbox

SECONDS = 10.0
"""Wall clock and CPU time that one candidate gets for all its tests."""
MAX_VERDICT_BYTES = 10_000
WORKERS = 4
_PACKAGE = Path(__file__).parents[2]
_START = (
    "import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv.pop(1)); "
    "from ptb_lite.evaluation.code_exec.{name} import main; del sys.path[0]; main(*sys.argv[1:])"
)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"}


@dataclass(frozen=True)
class Problem:
    """A program that defines `entry_point`, and the tests that it has to pass.

    `test` defines `check(candidate)`; `prompt` runs by itself and holds what the tests use beside.
    """

    program: str
    prompt: str
    test: str
    entry_point: str


@dataclass(frozen=True)
class Verdict:
    """`reason` says in a few words why it did not pass."""

    passed: bool
    reason: str = ""


@dataclass(frozen=True)
class Isolation:
    """How candidates are kept apart here; `problem` says why not in a sandbox."""

    sandbox: str
    system_calls_filtered: bool
    problem: str = ""


def run_all(problems: Sequence[Problem], *, seconds: float = SECONDS) -> tuple[Verdict, ...]:
    """A verdict for each problem, in order. Whatever a candidate does, this returns."""
    with ThreadPoolExecutor(min(WORKERS, max(2, os.cpu_count() or 2))) as pool:
        return tuple(pool.map(lambda problem: run(problem, seconds=seconds), problems))


def run(problem: Problem, *, seconds: float = SECONDS) -> Verdict:
    """Run one candidate; both processes are gone when this returns."""
    with tempfile.TemporaryDirectory(prefix="ptb-lite-code-") as scratch:
        places = {name: Path(scratch).resolve() / name for name in ("candidate", "tester")}
        for place in places.values():
            place.mkdir()
        program, tests = places["candidate"] / "program.py", places["tester"] / "tests.json"
        try:
            program.write_text(problem.program, encoding="utf-8")
        except UnicodeEncodeError:
            return Verdict(False, "it is not text")
        tests.write_text(
            json.dumps(
                {"prompt": problem.prompt, "test": problem.test, "entry_point": problem.entry_point}
            ),
            encoding="utf-8",
        )
        limit = str(int(seconds) + 1)
        return _verdict(
            _command("candidate", places["candidate"], [str(program), problem.entry_point, limit]),
            _command("tester", places["tester"], [str(tests), limit]),
            seconds,
        )


@lru_cache(maxsize=1)
def isolation() -> Isolation:
    """What holds on this machine, found out by running a harmless candidate."""
    problem = sandbox("bubblewrap").problem() or ""
    tests = "def check(candidate):\n    assert not candidate()\n"
    # A socket can be made only where the filter is not in force (the sandbox lets it be made).
    attempt = (
        "def attempt():\n    import socket\n    try:\n        socket.socket()\n"
        "    except PermissionError:\n        return False\n    return True\n"
    )
    filtered = run(Problem(attempt, "", tests, "attempt")).passed
    return Isolation("none" if problem else "bubblewrap", filtered, problem)


@lru_cache(maxsize=1)
def _in_bubblewrap() -> bool:
    return sandbox("bubblewrap").problem() is None


def _command(name: str, place: Path, arguments: list[str]) -> list[str]:
    command = [
        os.path.realpath(sys.executable),
        "-I",
        "-S",
        "-c",
        _START.format(name=name),
        str(_PACKAGE.parent),
        *arguments,
    ]
    if not _in_bubblewrap():
        return command
    plan = SandboxPlan(
        workspace=place,
        read_only=(Path(sys.base_prefix).resolve(), _PACKAGE),
        environment=_ENVIRONMENT,
    )
    return sandbox("bubblewrap").wrap(command, plan)


def _verdict(candidate: list[str], tester: list[str], seconds: float) -> Verdict:
    calls, answers = os.pipe(), os.pipe()
    started: list[subprocess.Popen[bytes]] = []
    try:
        try:
            for command, stdin, stdout, stderr in (
                (candidate, calls[0], answers[1], subprocess.DEVNULL),
                (tester, answers[0], calls[1], subprocess.PIPE),
            ):
                started.append(
                    subprocess.Popen(
                        command,
                        stdin=stdin,
                        stdout=stdout,
                        stderr=stderr,
                        env=_ENVIRONMENT,
                        cwd="/",
                        start_new_session=True,
                    )
                )
        finally:
            for end in (*calls, *answers):
                os.close(end)
        said = _read(started[1], time.monotonic() + seconds)
    finally:
        for process in started:
            _end(process)
    if said is None:
        return Verdict(False, f"no verdict within {seconds:g} s")
    try:
        report = json.loads(said)
        return Verdict(report["passed"] is True, str(report["reason"])[:200])
    except (ValueError, KeyError, TypeError):
        return Verdict(False, "the tests ended without a verdict")


def _read(process: subprocess.Popen[bytes], deadline: float) -> bytes | None:
    """What the tester says until it closes its end; None when the time is up before that."""
    try:
        _, said = process.communicate(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
    return bytes(said[:MAX_VERDICT_BYTES])


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process's group; in bubblewrap, its whole process namespace goes with it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
    if process.stderr is not None:
        process.stderr.close()
