"""What an agent may use of memory, processes and disk, and the watch where no kernel holds it."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ptb_lite.hardware.device import cpu_device
from ptb_lite.runner.context import RunContext
from ptb_lite.sandbox import Groups, LimitPlan, make_groups, sandbox

GB = 10**9
MEMORY_SHARE = 0.9
RESERVE_BYTES = GB
RESERVE_SHARE = 0.05
"""Held for the runner: so much, or this part of a small disk, and half of the room at most."""
MARGIN_BYTES = 50_000_000
MARGIN_SHARE = 0.01
"""With less than this left, or this part of a small disk, it is full."""
DISK_FULL = "the disk is full"
MAX_FILES = 1_000_000
MEASURE_SECONDS = 1.0


class AgentLimits:
    """The limits of one agent phase. `groups` hold its processes where the kernel does it."""

    def __init__(self, context: RunContext) -> None:
        spec = context.spec
        self._context = context
        chosen = spec.memory_gb
        memory = chosen * GB if chosen is not None else MEMORY_SHARE * cpu_device().memory_bytes
        self.memory_bytes = int(memory)
        self.disk_bytes = int(spec.disk_gb * GB) if spec.disk_gb is not None else None
        box = sandbox(spec.sandbox)
        self.groups = (
            Groups()
            if box.holds_limits
            else make_groups(
                f"ptb-lite-{context.run.run_id}",
                memory_bytes=self.memory_bytes,
                processes=spec.max_processes,
            )
        )
        self._by_kernel = self.groups.held | ({"memory", "pids"} if box.holds_limits else set())
        self._isolated = box.isolates
        self.plan = LimitPlan(
            processes=spec.max_processes,
            file_bytes=self.disk_bytes,
            memory_bytes=self.memory_bytes,
        )
        self._folders = (context.run.workspace, context.run.trace)
        self._lock = threading.Lock()
        self._problem: str | None = None
        self._pid: int | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._measure, name="limits", daemon=True)

    def start(self) -> None:
        """Begin to look; say once what this system does not hold an agent to by itself."""
        with suppress(OSError):
            self._hold_reserve()
        self._thread.start()
        if "memory" not in self._by_kernel:
            self._context.warn(
                "the system does not limit the agent's memory: it is measured every second"
            )
        unheld = os.getuid() == 0 or not self._isolated
        if "pids" not in self._by_kernel and unheld:
            self._context.warn("the number of the agent's processes is not limited on this system")

    def if_orphaned(self) -> tuple[tuple[str, ...], ...]:
        """The commands that remove the control groups when the runner cannot."""
        return tuple(("/bin/rmdir", os.fspath(folder)) for folder in self.groups.folders)

    def watch(self, pid: int) -> None:
        """Look at the processes below `pid` from now on, where no kernel does."""
        with self._lock:
            self._pid = pid

    def problem(self) -> str | None:
        """Why the agent must be ended now; None: it is within its limits."""
        with suppress(OSError):
            disk = os.statvfs(self._context.run.workspace)
            left = disk.f_bavail * disk.f_frsize
            if left < min(MARGIN_BYTES, MARGIN_SHARE * disk.f_blocks * disk.f_frsize):
                return f"{DISK_FULL}: {_size(left)} are left"
            if disk.f_files and not disk.f_favail:
                return f"{DISK_FULL}: it has room for no more files"
        with self._lock:
            return self._problem

    def release(self) -> None:
        """Give the runner the room that was held for it."""
        self._context.run.reserve.unlink(missing_ok=True)

    def _hold_reserve(self) -> None:
        """Take room on the disk: what is merely counted on, a quick agent has taken first."""
        disk = os.statvfs(self._context.run.workspace)
        free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        size = int(min(RESERVE_BYTES, RESERVE_SHARE * total, free / 2))
        with self._context.run.reserve.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)

    def _measure(self) -> None:
        """In a thread of its own, since a large workspace takes time to look through."""
        while not self._closed.wait(MEASURE_SECONDS):
            found = self._disk_problem() or self._memory_problem()
            with self._lock:
                self._problem = self._problem or found

    def _disk_problem(self) -> str | None:
        used = files = 0
        try:
            for size in (s for folder in self._folders for s in sizes(folder)):
                used += size
                files += 1
                if files > MAX_FILES:
                    return f"its workspace holds over {MAX_FILES} files"
                if self._closed.is_set():
                    return None
        except OSError:
            return "its workspace holds folders nested too deep to be read"
        if self.disk_bytes is not None and used > self.disk_bytes:
            return f"its workspace holds {_size(used)}, over its limit of {_size(self.disk_bytes)}"
        return None

    def _memory_problem(self) -> str | None:
        with self._lock:
            pid = self._pid
        if pid is None or "memory" in self._by_kernel:
            return None
        used = memory_below(pid)
        if used <= self.memory_bytes:
            return None
        return f"its processes hold {_size(used)}, over their limit of {_size(self.memory_bytes)}"

    def close(self) -> None:
        """Say which limits the agent met, and remove its control groups."""
        self._closed.set()
        self._thread.join()
        self.release()
        if met := self.groups.met("memory"):
            self._context.warn(
                f"the agent met its memory limit of {_size(self.memory_bytes)}: the system killed "
                f"{met} of its processes"
            )
        if met := self.groups.met("pids"):
            limit = self._context.spec.max_processes
            self._context.warn(f"the agent met its limit of {limit} processes {met} times")
        self.groups.remove()


@contextmanager
def agent_limits(context: RunContext) -> Iterator[AgentLimits]:
    """Limits in force for one agent phase; its control groups are gone afterwards."""
    limits = AgentLimits(context)
    limits.start()
    try:
        yield limits
    finally:
        limits.close()


def sizes(folder: Path) -> Iterator[int]:
    """Bytes on disk of everything below a folder; no link is followed.

    Raises OSError (ENAMETOOLONG) for folders nested so deep that they could hide anything.
    """
    waiting = [os.fspath(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    yield entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise
            # It changes while it is looked at: the next look sees it.


def memory_below(pid: int) -> int:
    """Bytes that the descendants of a process hold: shared pages count in proportion (PSS)."""
    total = 0
    with suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(OSError, psutil.Error, ValueError):
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
                (line,) = (line for line in rollup.splitlines() if line.startswith("Pss:"))
                total += int(line.split()[1]) * 1024
    return total


def _size(count: int) -> str:
    return f"{count / GB:.2f} GB"
