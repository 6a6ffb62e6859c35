"""Following an agent's raw output while it grows, and journalling what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ptb_lite.agents.event_bounds import LineSplitter
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.events import AgentEvent, AgentEventKind, AgentSpoke
from ptb_lite.runner.context import RunContext

# A journal is read whole by every view; what comes after so many events stays in the trace alone.
MAX_EVENTS = 100_000


class TraceReader:
    """Reads one file, to which all processes of one agent append; `hear` is told every event."""

    def __init__(
        self,
        path: Path,
        context: RunContext,
        plan: AgentPlan,
        hear: Callable[[AgentEvent], None],
    ) -> None:
        self._path = path
        self._context = context
        self._plan = plan
        self._hear = hear
        self._offset = 0
        self._told = 0
        self._unknown = 0
        self._splitter = LineSplitter()

    def read(self, limit: int = 1 << 22) -> bool:
        """Take what came since the last call, `limit` bytes at most; whether there was anything."""
        if not self._path.exists():
            return False
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            chunk = stream.read(limit)
        self._offset += len(chunk)
        self._tell(self._splitter.feed(chunk))
        return bool(chunk)

    def finish_turn(self) -> None:
        """Take the rest of an ended process, with a last line that has no line end."""
        while self._told < MAX_EVENTS and self.read():
            pass
        self._tell(self._splitter.rest())

    def finish(self) -> None:
        """Say how much was not understood; nothing comes after this."""
        if self._unknown:
            self._context.warn(f"{self._unknown} lines of the agent's output were not understood")

    def _tell(self, lines: list[bytes]) -> None:
        for line in lines:
            for event in self._plan.read_line(line):
                self._hear(event)
                self._journal(event)

    def _journal(self, event: AgentEvent) -> None:
        self._unknown += event.kind is AgentEventKind.UNKNOWN
        if self._told >= MAX_EVENTS:
            return
        self._context.journal.write(AgentSpoke(event=event))
        self._told += 1
        if self._told == MAX_EVENTS:
            self._context.warn(
                f"the agent's events after the first {MAX_EVENTS} are in trace/ only"
            )
