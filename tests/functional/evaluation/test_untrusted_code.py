"""Code under test that does not want to be tested."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import psutil
import pytest

from ptb_lite.evaluation.code_exec import host, limits, wire
from ptb_lite.evaluation.code_exec.host import Problem, Verdict, isolation, run, run_all
from ptb_lite.sandbox import sandbox
from tests.functional.runner.waiting import wait_until

PROMPT = 'def double(x):\n    """ Twice x. """\n'
TESTS = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate([1]) == [1, 1]\n"
HONEST = "def double(x):\n    return 2 * x\n"
QUICK = 4.0

EQUAL_TO_ALL = """
class Equal:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 0
    def __len__(self): return 2
    def __iter__(self): return iter([self])
def double(x): return Equal()
"""

HOSTILE = {
    "exit code 0": "import os\ndef double(x): os._exit(0)",
    "exit while loading": "import os\nos._exit(0)",
    "sys.exit": "import sys\ndef double(x): sys.exit(0)",
    "sys.exit while loading": "import sys\nsys.exit(0)",
    "equal to everything": EQUAL_TO_ALL,
    "a list that equals everything": "class L(list):\n    def __eq__(self, o): return True\n"
    "def double(x): return L([0])",
    "a str that equals everything": "class S(str):\n    def __eq__(self, o): return True\n"
    "def double(x): return S('')",
    "an int that equals everything": "class I(int):\n    def __eq__(self, o): return True\n"
    "def double(x): return I(0)",
    "a patched isinstance": "import builtins\nbuiltins.isinstance = lambda *a: True\n"
    "builtins.AssertionError = ZeroDivisionError\ndef double(x): return 0",
    "a verdict of its own": "import os\n"
    'for fd in range(3, 32):\n    try: os.write(fd, b\'{"passed": true, "reason": ""}\\n\')\n'
    "    except OSError: pass\ndef double(x): return 0",
    "printing": "print('{\"passed\": true}')\ndef double(x): return 0",
    "ends the process of the tests": "import os, signal\ndef double(x):\n"
    "    for pid in range(2, 200):\n        try: os.kill(pid, signal.SIGKILL)\n"
    "        except OSError: pass\n    return 0",
    "for ever": "def double(x):\n    while True: pass",
    "for ever while loading": "while True: pass",
    "all memory": "def double(x): return [0] * 10**10",
    "deep recursion": "def double(x): return double(x)",
    "nothing": "",
    "no syntax": "def double(x:",
    "a null byte": "def double(x): return 0 # \0",
    "deep nesting": "def double(x):\n    r = []\n    for _ in range(10**6): r = [r]\n    return r",
    "a list in itself": "def double(x):\n    r = []\n    r.append(r)\n    return r",
    "an endless iterator": "import itertools\ndef double(x): return itertools.count()",
    "a great answer": "def double(x): return 'x' * 10**8",
    "threads": "import threading\ndef double(x):\n    for _ in range(10**4):\n"
    "        threading.Thread(target=lambda: [0 for _ in iter(int, 1)], daemon=True).start()\n"
    "    return 0",
    "not text": "def double(x): return '\ud800'",
}


@pytest.fixture(params=["bubblewrap", "limits only"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which candidates are kept apart."""
    problem = sandbox("bubblewrap").problem()
    if request.param == "bubblewrap":
        if problem is not None:
            pytest.skip(f"bubblewrap cannot be used here: {problem}")
    else:
        monkeypatch.setattr(host, "_in_bubblewrap", lambda: False)
    return str(request.param)


def _problem(program: str, tests: str = TESTS) -> Problem:
    return Problem(program, PROMPT, tests, "double")


def test_an_honest_function_passes(kept: str) -> None:
    assert run(_problem(HONEST)) == Verdict(True), kept


def test_nothing_hostile_passes_and_nothing_stays(kept: str) -> None:
    before = {process.pid for process in psutil.process_iter()}
    started = time.monotonic()
    verdicts = run_all([_problem(code) for code in HOSTILE.values()], seconds=QUICK)
    assert {name for name, found in zip(HOSTILE, verdicts, strict=True) if found.passed} == set()
    # Four at a time, none longer than its time; the machine may be busy.
    assert time.monotonic() - started < len(HOSTILE) * QUICK, kept

    def left() -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter()
            if process.pid not in before and "ptb-lite-code-" in " ".join(_command(process))
        ]

    # A process namespace is torn down by the kernel in its own time, a moment after the kill.
    wait_until(lambda: not left(), 10.0, lambda: str(left()))


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


DOES = """
def double(x):
    try:
{}
    except {} as error:
        return 4 if x == 2 else [1, 1]
    return 0
"""


def _refused(lines: str, error: str = "OSError") -> str:
    body = "".join(f"        {line}\n" for line in lines.splitlines())
    return DOES.format(body, error)


def _needs_filter() -> None:
    if not isolation().system_calls_filtered:
        pytest.skip("no system-call filter on this machine")


def test_it_reaches_no_network(kept: str) -> None:
    _needs_filter()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        connect = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)"
        assert run(_problem(_refused(connect))) == Verdict(True), kept


def test_it_starts_no_process_and_signals_none(kept: str) -> None:
    _needs_filter()
    for act in (
        "import os\nos.fork()",
        "import subprocess\nsubprocess.run(['true'])",
        "import os\nos.execv('/bin/true', ['true'])",
        "import os\nos.kill(os.getppid(), 0)",
        "import ctypes\nassert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0",
    ):
        error = "(OSError, AssertionError)"
        assert run(_problem(_refused(act, error))) == Verdict(True), (kept, act)


def test_it_changes_no_file(kept: str, tmp_path: Path) -> None:
    _needs_filter()
    victim = tmp_path / "victim"
    victim.write_text("here")
    for act in (
        f"open({str(victim)!r}, 'w')",
        f"import os\nos.unlink({str(victim)!r})",
        f"import os\nos.rename({str(victim)!r}, {str(tmp_path / 'moved')!r})",
        f"import os\nos.mkdir({str(tmp_path / 'made')!r})",
        f"import os\nos.chmod({str(victim)!r}, 0)",
        "open('made', 'w')",
    ):
        assert run(_problem(_refused(act))) == Verdict(True), (kept, act)
    assert victim.read_text() == "here"
    assert list(tmp_path.iterdir()) == [victim]


def test_it_sees_neither_home_nor_harness(tmp_path: Path) -> None:
    if sandbox("bubblewrap").problem() is not None:
        pytest.skip("bubblewrap cannot be used here")
    secret = tmp_path / "secret"
    secret.write_text("x")
    repository = Path(__file__).parents[3]
    for place in (secret, Path.home() / ".profile", repository / "tests", Path("/etc/shadow")):
        assert run(_problem(_refused(f"import os\nos.stat({str(place)!r})"))).passed, place
    # Nor the tests of its own problem.
    look = (
        "import os, sys\nfound = [name for top in ('/tmp', '/home') for _, _, names in "
        "os.walk(top) for name in names]\nassert 'tests.json' in found"
    )
    assert run(_problem(_refused(look, "AssertionError"))).passed


def test_environment_holds_nothing_of_ours(kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_TEST", "1")
    assert run(_problem(_refused("import os\nos.environ['SECRET_OF_THE_TEST']", "KeyError"))), kept


def test_arguments_and_answers_cross_unchanged() -> None:
    tests = (
        "def check(candidate):\n"
        "    for value in (1, 1.5, -0.0, 'é\\n', None, True, (1, [2, {'a': {3}}]), b'x', 2**70,\n"
        "                  float('inf'), 1 + 2j, range(3), frozenset([1]), {1: 2}):\n"
        "        back = candidate(value)\n"
        "        assert back == value and type(back) is type(value), value\n"
        "    assert list(candidate(iter([1, 2]))) == [1, 2]\n"
    )
    assert run(Problem("def same(x): return x", "", tests, "same")) == Verdict(True)


def test_an_object_that_is_no_data_equals_nothing() -> None:
    opaque = wire.decode(wire.encode(object()))
    assert opaque != opaque
    assert isinstance(opaque, wire.Opaque)


def test_the_filter_is_a_program_of_known_length() -> None:
    for machine in ("x86_64", "aarch64"):
        code = limits.program(machine)
        assert len(code) % 8 == 0
        # Jumps of classic BPF reach 255 instructions far.
        assert len(code) // 8 < 255


def test_many_at_once_do_not_disturb_each_other() -> None:
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    programs = [HONEST, "def double(x): return 0"] * 10
    verdicts = run_all([_problem(program) for program in programs])
    assert [found.passed for found in verdicts] == [True, False] * 10
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == files
