"""Following an agent's raw output while it grows, and journalling what it says."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.agents.event_bounds import LineSplitter
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.events import AgentEvent, AgentEventKind, AgentSpoke
from ptb_lite.runner.context import RunContext

# A journal is read whole by every view; what comes after so many events stays in the trace alone.
MAX_EVENTS = 100_000
CATCH_UP_SECONDS = 60.0
"""How long an ended process's output is read on; no agent writes faster than that by its work."""
_MOMENTS = 8192
_EMPTY = re.compile(rb"\n{2,}")


@dataclass(frozen=True)
class Flow:
    """How many events of one kind a journal takes: so many at once, and so many a second after."""

    burst: float
    rate: float


FLOW = Flow(2000, 20.0)
UNKNOWN_FLOW = Flow(200, 2.0)


class Gauge:
    """Counts what fits into the flow of its kind (a token bucket), and what does not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[AgentEventKind, tuple[float, float]] = {}
        self.dropped: Counter[AgentEventKind] = Counter()

    def takes(self, kind: AgentEventKind) -> bool:
        flow = UNKNOWN_FLOW if kind is AgentEventKind.UNKNOWN else FLOW
        now = self._clock()
        left, since = self._left.get(kind, (flow.burst, now))
        left = min(flow.burst, left + (now - since) * flow.rate)
        taken = left >= 1
        self._left[kind] = (left - taken, now)
        self.dropped[kind] += not taken
        return taken

    def words(self) -> str:
        """What was left out, by kind; empty for nothing."""
        counts = [f"{count:,} {kind.value}" for kind, count in self.dropped.most_common() if count]
        return ", ".join(counts)


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
        self._gauge = Gauge()
        self._unread = 0
        self._splitter = LineSplitter()

    def read(self, limit: int = 1 << 22, until: float | None = None) -> bool:
        """Take what came since the last call, `limit` bytes at most and, after `until`
        (`time.monotonic`), no more of it; whether there was anything."""
        if not self._path.exists():
            return False
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            chunk = stream.read(limit)
        self._offset += len(chunk)
        self._tell(self._splitter.feed(_EMPTY.sub(b"\n", chunk)), until)
        return bool(chunk)

    def finish_turn(self) -> None:
        """Take the rest of an ended process, with a last line that has no line end. What takes too
        long is left to the trace."""
        until = time.monotonic() + CATCH_UP_SECONDS
        while time.monotonic() < until and self.read(until=until):
            pass
        if self._path.exists() and (left := self._path.stat().st_size - self._offset) > 0:
            self._unread += left
            self._offset += left
            self._splitter = LineSplitter()
        self._tell(self._splitter.rest())

    def finish(self) -> None:
        """Say how much was not understood or not taken; nothing comes after this."""
        if self._unknown:
            self._context.warn(f"{self._unknown} lines of the agent's output were not understood")
        if words := self._gauge.words():
            self._context.warn(
                f"the agent's output came too fast for the journal; in trace/ only are: {words}"
            )
        if self._unread:
            self._context.warn(
                f"{self._unread / 1e6:,.1f} MB of the agent's output were not followed within "
                f"{CATCH_UP_SECONDS:.0f} s of its end: they are in trace/ only"
            )

    def _tell(self, lines: list[bytes], until: float | None = None) -> None:
        for place, line in enumerate(lines):
            if until is not None and not place % _MOMENTS and time.monotonic() > until:
                self._unread += sum(map(len, lines[place:])) + len(lines) - place
                return
            if not line.strip():
                continue
            for event in self._plan.read_line(line):
                self._hear(event)
                self._journal(event)

    def _journal(self, event: AgentEvent) -> None:
        self._unknown += event.kind is AgentEventKind.UNKNOWN
        if self._told >= MAX_EVENTS or not self._gauge.takes(event.kind):
            return
        self._context.journal.write(AgentSpoke(event=event))
        self._told += 1
        if self._told == MAX_EVENTS:
            self._context.warn(
                f"the agent's events after the first {MAX_EVENTS} are in trace/ only"
            )
