"""What the program around a sandbox does, which records what the agent inside does to files.

It starts the command, which ends in `shim.py`, is given the listener of that, and has
a process of its own observe. An observer that dies or does not answer is replaced once, and
afterwards every call goes on unseen: the record is what is lost, never the agent. When this program
itself is killed, so is the command. Its exit code is the command's.
"""

from __future__ import annotations

import array
import ctypes
import mmap
import os
import platform
import select
import signal
import socket
import sys
import time
from pathlib import Path

from ptb_lite.provenance import COPIES, RECORD, VERSION
from ptb_lite.provenance.calls import CALLS
from ptb_lite.provenance.copies import Copies
from ptb_lite.provenance.listener import Listener
from ptb_lite.provenance.observer import Lines, Observer
from ptb_lite.provenance.places import Places
from ptb_lite.provenance.shim import SOCKET

ROOM_BYTES = 4096
"""Of shared memory: a notice, and behind it how many were answered."""
_ANSWERED = slice(1024, 1032)
_ATTEMPTS = 2
_STUCK_SECONDS = 10.0
_LOOK_SECONDS = 1.0
_END_SECONDS = 2.0
_FIRST_OF_ATTEMPT = 1_000_000
_PR_SET_PDEATHSIG = 1


class Settings:
    """What the words before `--` say: `folder=PATH` where the record goes, `workspace=PATH`,
    `quiet=PATH` (again for more) for what nobody inside can change, and `patience=SECONDS`, after
    which an observer that leaves a call waiting is ended."""

    def __init__(self, words: list[str]) -> None:
        given = [word.partition("=") for word in words]
        one = {name: value for name, _, value in given}
        self.folder, self.workspace = Path(one["folder"]), one["workspace"]
        self.patience = float(one.get("patience", _STUCK_SECONDS))
        self.quiet = [value for name, _, value in given if name == "quiet"]


class Recorder:
    """One command, from its start to its end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lines = Lines(settings.folder / RECORD)
        self._room = mmap.mmap(-1, ROOM_BYTES)

    def run(self, command: list[str]) -> int:
        """Its exit code, negative for a signal."""
        ours, theirs = socket.socketpair()
        self._lines.write("began", always=True, version=VERSION, workspace=self._settings.workspace)
        child = start(command, theirs)
        theirs.close()
        _be_quiet()
        ended = os.pidfd_open(child)
        listener = self._hear(ours, ended)
        ours.close()
        if listener is not None:
            self._record(Listener(listener, memoryview(self._room)[:ROOM_BYTES]), ended)
        _, status = os.waitpid(child, 0)
        self._lines.write("ended", always=True)
        return os.waitstatus_to_exitcode(status)

    def _hear(self, ours: socket.socket, ended: int) -> int | None:
        """The listener; None, with the reason noted, where there is none."""
        ready = _wait((ours.fileno(), ended), None)
        said = b""
        given: list[tuple[int, int, bytes]] = []
        if ours.fileno() in ready:
            said, given, _, _ = ours.recvmsg(300, socket.CMSG_SPACE(4))
        if given:
            return array.array("i", given[0][2][:4])[0]
        reason = said.decode("utf-8", "replace") or "nothing was heard from inside of the sandbox"
        self._lines.write("off", always=True, reason=reason)
        return None

    def _record(self, listener: Listener, ended: int) -> None:
        """Until the command has ended, or no process of its tree is left to tell of calls."""
        for attempt in range(_ATTEMPTS):
            observer = os.fork()
            if observer == 0:
                os._exit(self._observe(listener, attempt))
            code = self._watch(listener, observer, ended)
            if code == 0:
                return
            if listener.pending():
                listener.proceed(listener.pending())
            self._lines.write("lost", always=True, reason=_how(code))
        self._lines.write("off", always=True, reason="its observer was lost twice")
        while set(_wait((listener.descriptor, ended), None)) == {listener.descriptor}:
            if not _has_notice(listener.descriptor):
                return
            notice = listener.receive()
            if notice is not None:
                listener.proceed(notice.cookie)

    def _watch(self, listener: Listener, observer: int, ended: int) -> int:
        """The observer's exit code; 0 as well when the command has ended. One that leaves a call
        waiting is killed."""
        handle = os.pidfd_open(observer)
        answered, since = bytes(8), time.monotonic()
        while True:
            ready = _wait((handle, ended), _LOOK_SECONDS)
            if handle in ready:
                break
            if ended in ready:
                os.kill(observer, signal.SIGTERM)
                if not _wait((handle,), _END_SECONDS):
                    os.kill(observer, signal.SIGKILL)
                os.waitpid(observer, 0)
                os.close(handle)
                return 0
            now = self._room[_ANSWERED]
            busy = _has_notice(listener.descriptor) or self._unanswered()
            if now != answered or not busy:
                answered, since = now, time.monotonic()
            elif time.monotonic() - since > self._settings.patience:
                os.kill(observer, signal.SIGKILL)
        os.close(handle)
        return os.waitstatus_to_exitcode(os.waitpid(observer, 0)[1])

    def _unanswered(self) -> bool:
        return self._room[1032:1040] != bytes(8)

    def _observe(self, listener: Listener, attempt: int) -> int:
        """In a process of its own: note each call and let it go on; 0 at the end of the tree."""
        stop = [False]
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGTERM, lambda *_: stop.__setitem__(0, True))
        copies = Copies(self._settings.folder / COPIES)
        observer = Observer(
            CALLS[platform.machine()],
            Places(self._settings.quiet),
            copies,
            self._lines,
            1 + attempt * _FIRST_OF_ATTEMPT,
        )
        observer.within(self._settings.workspace)
        answered, tried, faults = 0, False, 0
        waiting = select.poll()
        waiting.register(listener.descriptor, select.POLLIN)
        waiting.register(wake, select.POLLIN)
        while not stop[0]:
            events = dict(waiting.poll())
            if not events.get(listener.descriptor, 0) & select.POLLIN:
                if listener.descriptor in events:
                    break
                continue
            self._room[1032:1040] = b"\1" * 8
            notice = listener.receive()
            if notice is None:
                self._room[1032:1040] = bytes(8)
                continue
            try:
                if not tried:
                    tried = True
                    observer.readable(notice)
                observer.note(notice)
            except PermissionError as error:
                if observer.seen == 0:
                    self._lines.write("off", always=True, reason=f"memory cannot be read: {error}")
                    return 3
            except OSError:
                pass  # its process is gone, or what it names is
            except Exception as error:
                faults += 1
                if faults <= 10:
                    self._lines.write("fault", reason=f"{type(error).__name__}: {error}"[:300])
            finally:
                listener.proceed(notice.cookie)
                answered += 1
                self._room[_ANSWERED] = answered.to_bytes(8, "little")
                self._room[1032:1040] = bytes(8)
        self._lines.write(
            "counts",
            always=True,
            calls=observer.seen,
            cpu_seconds=round(time.process_time(), 3),
            lines_left_out=self._lines.left_out + observer.left_out,
            copies_left_out=copies.left_out,
            faults=faults,
        )
        return 0


def start(command: list[str], theirs: socket.socket) -> int:
    """Start the command as a child that dies with this process and has the socket at `SOCKET`."""
    # Python adds LC_CTYPE to its own where it finds no locale.
    lines = Path("/proc/self/environ").read_bytes().split(b"\0")
    environment = dict(line.split(b"=", 1) for line in lines if b"=" in line)
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            os.dup2(theirs.fileno(), SOCKET, inheritable=True)
            os.execvpe(command[0], command, environment)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
    os._exit(127)


def _be_quiet() -> None:
    """The command's streams are the command's alone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


def _wait(handles: tuple[int, ...], seconds: float | None) -> list[int]:
    """Which of these can be read, waiting so long at most."""
    waiting = select.poll()
    for handle in handles:
        waiting.register(handle, select.POLLIN)
    return [handle for handle, _ in waiting.poll(None if seconds is None else seconds * 1000)]


def _has_notice(descriptor: int) -> bool:
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return any(event & select.POLLIN for _, event in waiting.poll(0))


def _how(code: int) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"its observer {how}"


def main() -> int:
    end = sys.argv.index("--")
    code = Recorder(Settings(sys.argv[1:end])).run(sys.argv[end + 1 :])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main())
