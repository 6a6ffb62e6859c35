"""What an agent leaves running when it ends its turn: who that is, and whether it still works."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.events import AgentEvent, AgentEventKind
from ptb_lite.runner.agent.processes import AgentProcesses
from ptb_lite.sandbox import LEFT

MAX_LEFT = 50
MEASURE_SECONDS = 5.0
IDLE_SHARE = 0.02
"""Below this part of one core, all processes together do nothing."""
EXIT_SECONDS = 60.0
"""So long a program may stay that has said its last, when nothing runs beside it."""
IDLE_SECONDS = 300.0
"""So long processes that it left behind may do nothing: a download or a sleep is no end."""
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class LeftRunning:
    """A process of the agent's that outlived its turn. `code` is None where it did not end."""

    command: str
    code: int | None = None


class LeftReader:
    """Reads what the sandbox's first program says of them on stderr, which the agent writes, too:
    what comes of it is told to the agent alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._rest = b""
        self._found: list[LeftRunning] = []

    def read(self) -> tuple[LeftRunning, ...]:
        """All that were named until now, in order."""
        if self._path.exists():
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                chunk = stream.read(_READ_BYTES)
            self._offset += len(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            self._rest = self._rest[-_READ_BYTES:]
            for line in lines:
                self._take(line)
        return tuple(self._found)

    def _take(self, line: bytes) -> None:
        start = LEFT.encode()
        if not line.startswith(start):
            return
        with suppress(ValueError, RecursionError, TypeError, AttributeError):
            said = json.loads(line[len(start) :])
            for command in said.get("left", [])[:MAX_LEFT]:
                self._found.append(LeftRunning(str(command)))
            if "ended" in said:
                command, code = str(said["ended"]), int(said["code"])
                at = self._found.index(LeftRunning(command))
                self._found[at] = LeftRunning(command, code)


class Rest:
    """Whether an agent that has ended its turn has come to rest: it has said its last or its
    program is gone, and none of its processes works any more."""

    def __init__(self) -> None:
        self._ended = False
        self._measured = self._active = time.monotonic()
        self._used = 0.0
        self._alone = True

    def hear(self, event: AgentEvent) -> None:
        """A program may go on after the end of a turn, woken by what it started."""
        if event.kind is AgentEventKind.END:
            self._ended = True
        elif event.kind in (AgentEventKind.TOOL_CALL, AgentEventKind.MESSAGE):
            self._ended = False
        self._active = time.monotonic()

    def problem(self, processes: AgentProcesses, *, left: bool) -> str | None:
        """Why the turn should be over; `left`: its program is gone. Never, where its processes
        cannot be seen."""
        now = time.monotonic()
        if now - self._measured < MEASURE_SECONDS:
            return None
        seen = processes.cpu_seconds()
        if seen is None:
            return None
        used, self._alone = seen
        if used - self._used > IDLE_SHARE * (now - self._measured):
            self._active = now
        self._measured, self._used = now, used
        if not (self._ended or left):
            return None
        limit = EXIT_SECONDS if self._alone else IDLE_SECONDS
        if now - self._active < limit:
            return None
        if left:
            return f"what it left running did nothing for {limit:.0f} seconds"
        return f"it had said its last and did not exit within {limit:.0f} seconds"
