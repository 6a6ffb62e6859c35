"""Where a screen's events come from: a run's growing journal, or a recorded one played again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Event, Moment, PhaseStarted, RunFinished
from ptb_lite.moments import seconds_since
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalFollower, read_journal

# One piece of a long journal: some thousand events, a few tens of milliseconds.
PIECE_BYTES = 1 << 20


class RunState(StrEnum):
    """Whether more is to come. `SILENT`: the runner is gone and the journal says no end."""

    GOING = "going"
    ENDED = "ended"
    SILENT = "silent"
    GONE = "gone"


@dataclass(frozen=True)
class Piece:
    """Some events, and how it stands after them. `more`: the next ones can be had at once."""

    events: Sequence[Event]
    state: RunState
    more: bool = False
    skipped: int = 0
    newer: int = 0


class RunSource(Protocol):
    """`now` is the time on the run's own clock."""

    def next(self) -> Piece: ...
    def now(self) -> datetime: ...


class LiveSource:
    """Follows the journal of a run that may be going on, have ended, or be deleted meanwhile."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._follower = JournalFollower(run.journal)
        self._ended = False
        self._began: tuple[datetime, Moment | None] | None = None

    def next(self) -> Piece:
        # Asked before reading: what a runner wrote before it died is then still read below.
        lives = self._run.runner_lives()
        events = self._follower.poll(PIECE_BYTES)
        for event in events:
            self._ended = isinstance(event.payload, RunFinished)
            if isinstance(event.payload, PhaseStarted):
                self._began = event.time, event.payload.moment
        more = not self._follower.at_end
        return Piece(
            events=events,
            state=RunState.GOING if lives or more else self._rest(),
            more=more,
            skipped=self._follower.skipped,
            newer=self._follower.newer,
        )

    def now(self) -> datetime:
        """As the runner's own clock goes, where it runs on this machine: what sets the system's
        clock meanwhile moves no countdown."""
        if self._began is not None:
            time, moment = self._began
            if (passed := seconds_since(moment)) is not None:
                return time + timedelta(seconds=passed)
        return datetime.now(UTC)

    def _rest(self) -> RunState:
        if not self._run.spec.exists():
            return RunState.GONE
        return RunState.ENDED if self._ended else RunState.SILENT


class ReplaySource:
    """Plays recorded events at their own pace times `speed`; it can be held and sped up.

    `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        events: Sequence[Event],
        speed: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not events:
            raise ValueError("there is nothing to play")
        self._events = events
        self._clock = clock
        self._next = 0
        self._played = events[0].time
        self._at = clock()
        self._speed = speed
        # A screen asks for the time while its worker asks for events.
        self._lock = threading.Lock()
        self.held = False

    @property
    def speed(self) -> float:
        return self._speed

    def set_speed(self, speed: float) -> None:
        self._advance()
        self._speed = speed

    def hold(self, held: bool) -> None:
        self._advance()
        self.held = held

    def next(self) -> Piece:
        now = self.now()
        first = self._next
        while self._next < len(self._events) and self._events[self._next].time <= now:
            self._next += 1
        done = self._next == len(self._events)
        state = RunState.ENDED if done else RunState.GOING
        return Piece(self._events[first : self._next], state)

    def now(self) -> datetime:
        self._advance()
        return self._played

    def _advance(self) -> None:
        with self._lock:
            at = self._clock()
            if not self.held:
                end = max(self._played, self._events[-1].time)
                step = timedelta(seconds=(at - self._at) * self._speed)
                self._played = min(end, self._played + step)
            self._at = at


def recorded_source(run: RunFolder, speed: float) -> ReplaySource:
    """A run's journal, to be played again. Raises PtbLiteError when there is nothing to play."""
    reading = read_journal(run.journal)
    if not reading.events:
        raise PtbLiteError("has an empty journal: nothing can be played", field=run.run_id)
    return ReplaySource(reading.events, speed)
