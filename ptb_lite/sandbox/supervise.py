"""The program that holds an agent: starts one command, and ends its whole process tree.

Run by `supervisor.start` as `python -I -S supervise.py` with the standard library only. Speaks over
its standard streams: stdin begins with the request (ten digits that say its length in bytes, then
JSON, see `Request`); then `stop` ends the command, and the end of stdin means that the runner is
gone and ends it too. One line of JSON on stdout at the end is the report (see `Report`).

Two processes, guard and keeper, so that killing one of them frees nothing: the keeper does the
work; the guard ends the tree and reports when the keeper dies. Both are child subreapers
(prctl(2), PR_SET_CHILD_SUBREAPER): whoever forks away from its parent, with setsid or by double
fork, becomes a direct child of theirs as soon as its parent is gone. So ending the tree is ending
direct children until wait(2) says that there are none. Such a pid cannot be taken over by a
stranger before it is reaped here, hence no process is ever killed by mistake.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, TypedDict

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CHUNK = 1 << 16
_GIVE_UP_SECONDS = 30.0
_CLEAN_UP_SECONDS = 15.0
_NEAR = 48
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


class Request(TypedDict):
    """What the runner asks for (see `supervisor.start`). All paths are absolute."""

    command: list[str]
    environment: dict[str, str]
    cwd: str
    deadline_seconds: float
    stdout: str
    stderr: str
    parent: int
    no_new_privileges: bool
    stdin: str
    groups: list[str]
    after: list[list[str]]
    if_orphaned: list[list[str]]


class Report(TypedDict):
    outcome: str
    exit_code: int | None
    seconds: float
    detail: str


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def _go_first(pid: int = 0) -> None:
    """Ask that `pid` (0: this process) runs before all others.

    So a storm of processes cannot delay the deadline. Granted to root or with RLIMIT_RTPRIO;
    children get the normal priority.
    """
    policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    with contextlib.suppress(OSError):
        os.sched_setscheduler(pid, policy, os.sched_param(1))


def _candidates() -> Iterator[int]:
    """Process ids that may be direct children: the youngest first, then all."""
    # A process that forks and exits in a loop is always among the youngest, and outruns a scan.
    with open("/proc/loadavg", encoding="ascii") as file:  # noqa: PTH123 (no pathlib: start-up)
        last = int(file.read().split()[-1])
    yield from range(last + _NEAR, max(last - _NEAR, 1), -1)
    yield from (int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208


def _is_child(pid: int) -> bool:
    """Whether `pid` is an unreaped direct child (wait(2) knows; one system call)."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True


def _kill_group_of(pid: int) -> None:
    """SIGKILL a child and its process group, which no fork in it can escape meanwhile."""
    with contextlib.suppress(OSError):
        group = os.getpgid(pid)
        if group != os.getpgrp():
            os.killpg(group, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
    _go_first(pid)  # it has to run once more in order to die


def _reap() -> bool:
    """Collect every dead child; False when there is no child at all."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return False
    return True


def end_children(give_up_seconds: float = _GIVE_UP_SECONDS) -> bool:
    """Kill every descendant. True when none is left, False when some outlast SIGKILL."""
    give_up = time.monotonic() + give_up_seconds
    signalled: set[int] = set()
    while _reap():
        found = set()
        for pid in _candidates():
            if pid not in found and _is_child(pid):
                found.add(pid)
                _kill_group_of(pid)
        if time.monotonic() > give_up:
            return False
        if found and found <= signalled:  # nothing new: let them die instead of spinning
            time.sleep(0.002)
        signalled = found
    return True


def clean_up(request: Request, *, orphaned: bool) -> None:
    """What is to be done when the tree has ended."""
    for command in (*request["after"], *(request["if_orphaned"] if orphaned else ())):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            env, limit = request["environment"], _CLEAN_UP_SECONDS
            subprocess.run(command, env=env, timeout=limit, input=b"", capture_output=True)


class Pump:
    """Copies what the command writes on one stream into a file, byte for byte.

    The command holds a pipe and not the file, so it cannot take back what it said. Bytes that a
    full disk refuses are counted in `lost`, and the command goes on.
    """

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.source, self.sink = os.pipe()
        os.set_blocking(self.source, False)
        self.lost = 0
        self.open = True

    def copy(self) -> bool:
        """Copy one chunk; False when there is nothing to copy now."""
        try:
            chunk = os.read(self.source, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self.open = False
            return False
        while chunk:
            try:
                chunk = chunk[os.write(self.file, chunk) :]
            except OSError:
                self.lost += len(chunk)
                break
        return True


class Keeper:
    """Runs the command of one request to its end."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.stop_reason = ""
        self.wake, wake_writer = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_writer, False)
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in _STOPPING:
            signal.signal(number, self._on_signal)
        self.control = 0
        self.control_open = True

    def _on_signal(self, number: int, _frame: Any) -> None:
        self.stop_reason = self.stop_reason or f"signal {signal.Signals(number).name}"

    def run(self) -> Report:
        started = time.monotonic()
        try:
            pumps = (Pump(self.request["stdout"]), Pump(self.request["stderr"]))
            child = self._start(pumps)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            end_children()
            seconds = time.monotonic() - started
            return _report("failed", None, seconds, f"cannot be started: {error}")
        for pump in pumps:
            os.close(pump.sink)
        outcome, detail = self._watch(child, pumps, started + self.request["deadline_seconds"])
        exit_code = child.poll() if outcome is None else None
        gone = end_children()
        # What was still in the pipes when the tree ended.
        for pump in pumps:
            while pump.copy():
                pass
        # A signal comes from the guard, or for its death, when the runner has gone.
        clean_up(self.request, orphaned=self.stop_reason.startswith(("signal", "the runner")))
        if outcome is None:
            outcome = "finished" if exit_code == 0 else "failed"
            detail = "" if exit_code == 0 else _exit_text(exit_code)
        if not gone:
            detail = _join(detail, "some of its processes outlast SIGKILL")
        if lost := sum(pump.lost for pump in pumps):
            detail = _join(detail, f"{lost} bytes of its output could not be written")
        return _report(outcome, exit_code, time.monotonic() - started, detail)

    def _start(self, pumps: tuple[Pump, Pump]) -> subprocess.Popen[bytes]:
        keeper = os.getpid()

        def prepare() -> None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != keeper:
                os._exit(127)
            if self.request["no_new_privileges"]:
                _prctl(_PR_SET_NO_NEW_PRIVS, 1)
            for group in self.request["groups"]:
                with contextlib.suppress(OSError), open(group, "w") as file:  # noqa: PTH123
                    file.write("0")
            # When memory runs out, the agent's own processes go first.
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
                file.write("500")

        return subprocess.Popen(
            self.request["command"],
            env=self.request["environment"],
            cwd=self.request["cwd"],
            stdin=os.open(self.request["stdin"], os.O_RDONLY),
            stdout=pumps[0].sink,
            stderr=pumps[1].sink,
            start_new_session=True,
            preexec_fn=prepare,
        )

    def _watch(
        self, child: subprocess.Popen[bytes], pumps: tuple[Pump, Pump], deadline: float
    ) -> tuple[str | None, str]:
        """Wait for the end: (None, "") when the command ended by itself, else why it must."""
        while True:
            if child.poll() is not None:
                return None, ""
            left = deadline - time.monotonic()
            if left <= 0:
                return "time_exceeded", ""
            if self.stop_reason:
                return "stopped", self.stop_reason
            sources = [self.wake, *(pump.source for pump in pumps if pump.open)]
            if self.control_open:
                sources.append(self.control)
            ready = select.select(sources, [], [], min(left, 60.0))[0]
            if self.wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.wake, _CHUNK)
                self._reap_others(child)
            for pump in pumps:
                if pump.source in ready:
                    pump.copy()
            if self.control in ready and self.control_open:
                self._listen()

    def _reap_others(self, child: subprocess.Popen[bytes]) -> None:
        """Collect adopted processes that have ended, without taking the command's own status."""
        while True:
            try:
                info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if info is None or child.poll() is not None:
                return
            with contextlib.suppress(ChildProcessError):
                os.waitpid(info.si_pid, os.WNOHANG)

    def _listen(self) -> None:
        said = os.read(self.control, _CHUNK)
        if not said:
            self.control_open = False
            self.stop_reason = self.stop_reason or "the runner is gone"
        elif b"stop" in said:
            self.stop_reason = self.stop_reason or "asked to stop"


def _exit_text(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        with contextlib.suppress(ValueError):
            return f"ended by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _join(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second


def _report(outcome: str, exit_code: int | None, seconds: float, detail: str) -> Report:
    return {"outcome": outcome, "exit_code": exit_code, "seconds": seconds, "detail": detail}


def _say(report: Report) -> None:
    line = json.dumps(report).encode("ascii") + b"\n"
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line)


def _keep(request: Request, guard: int) -> None:
    """The keeper's process. Ends the tree also when the guard dies."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _go_first()
    keeper = Keeper(request)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != guard:
        return
    _say(keeper.run())


def _guard(keeper: int, request: Request) -> int:
    """Wait for the keeper; pass on the runner's death; end the tree when the keeper is killed.

    The runner's death is seen twice: by the keeper as the end of its stdin, and here as a change
    of parent, in case another process still holds the pipe.
    """
    started = time.monotonic()
    runner = request["parent"]
    told = False
    while True:
        pid, status = os.waitpid(keeper, os.WNOHANG)
        if pid == keeper:
            break
        if not told and os.getppid() != runner:
            os.kill(keeper, signal.SIGTERM)
            told = True
        signal.sigtimedwait([signal.SIGCHLD], 0.25)
    end_children()
    if os.waitstatus_to_exitcode(status) != 0:
        clean_up(request, orphaned=os.getppid() != runner)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        seconds = time.monotonic() - started
        _say(_report("failed", None, seconds, f"its supervisor was ended ({_exit_text(code)})"))
    return 0


def _read_exactly(size: int) -> bytes:
    """`size` bytes of stdin and not one more; fewer at its end."""
    data = b""
    while len(data) < size:
        chunk = os.read(0, size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def _read_request() -> Request:
    """Raises ValueError when the runner was gone before it had said all."""
    request: Request = json.loads(_read_exactly(int(_read_exactly(10))))
    return request


def main() -> int:
    request = _read_request()
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _go_first()
    guard = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])  # for sigtimedwait in the guard
    keeper = os.fork()
    if keeper == 0:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            _keep(request, guard)
        except BaseException as error:  # the last line of defence: nothing may outlive this
            end_children()
            _say(_report("failed", None, 0.0, f"supervisor: {error!r}"))
        os._exit(0)
    os.close(0)
    return _guard(keeper, request)


if __name__ == "__main__":
    sys.exit(main())
