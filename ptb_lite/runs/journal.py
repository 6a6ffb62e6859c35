"""The journal of a run: append-only, one typed event a line, flushed at once.

The runner is the only writer. A reader may come at any moment, also after a crash: a line that
cannot be read is skipped and counted, never an error.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ptb_lite.events import EVENT, Event, Record

MAX_LINE_BYTES = 1 << 20
_CHUNK = 1 << 16


@dataclass
class JournalReading:
    """What one pass over a journal gave: the events in order, and how many lines were unreadable.

    `newer` counts the readable JSON lines whose event type or version this ptb-lite does not know.
    """

    events: list[Event] = field(default_factory=list)
    skipped: int = 0
    newer: int = 0


class JournalWriter:
    """Appends events to a journal, numbering on from what is already there. Thread-safe."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime] | None = None) -> None:
        self._clock = clock or steady_clock(_last_time(path))
        self._lock = threading.Lock()
        self._seq = _last_seq(path)
        self._stream = path.open("ab")
        if _ends_inside_a_line(path):
            # A crash cut the last line: end it, so that it alone is lost.
            self._stream.write(b"\n")
            self._stream.flush()

    def write(self, payload: Record) -> Event:
        """Append one event and flush it to the operating system.

        Raises pydantic.ValidationError for a payload outside the vocabulary, OSError when the
        disk is full.
        """
        with self._lock:
            event = Event.model_validate(
                {"seq": self._seq + 1, "time": self._clock(), "payload": payload}
            )
            line = event.model_dump_json().encode() + b"\n"
            # What a full disk refuses now stays in the stream's buffer and is written later.
            self._seq = event.seq
            self._stream.write(line)
            self._stream.flush()
            return event

    def now(self) -> datetime:
        """The time that an event written now would bear."""
        return self._clock()

    def close(self) -> None:
        self._stream.close()


class JournalFollower:
    """Reads a growing journal. Each `poll` gives the events whole since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._overlong = False
        self.at_end = True
        self.skipped = 0
        self.newer = 0

    def poll(self, limit: int | None = None) -> list[Event]:
        """Events of the lines completed since the last call; empty when there are none yet.

        With `limit` it stops after about so many bytes: a long journal is then read piece by
        piece, and `at_end` says whether this was the last one.
        """
        return list(self._events(self._new_lines(limit)))

    def _new_lines(self, limit: int | None) -> Iterator[bytes]:
        taken = 0
        self.at_end = True
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                while chunk := stream.read(_CHUNK):
                    self._offset += len(chunk)
                    yield from self._split(chunk)
                    taken += len(chunk)
                    if limit is not None and taken >= limit:
                        self.at_end = False
                        return
        except FileNotFoundError:
            return

    def _split(self, chunk: bytes) -> Iterator[bytes]:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if self._overlong:
                self._overlong = False
                self.skipped += 1
            else:
                yield line
        if len(self._rest) > MAX_LINE_BYTES:
            self._overlong = True
            self._rest = b""

    def _events(self, lines: Iterator[bytes]) -> Iterator[Event]:
        for line in lines:
            if not line.strip():
                continue
            try:
                yield EVENT.validate_json(line)
            except ValidationError:
                if _is_event_of_a_newer_version(line):
                    self.newer += 1
                else:
                    self.skipped += 1


def read_journal(path: Path) -> JournalReading:
    """Every readable event of a journal that may be truncated or corrupt.

    A last line without a line end counts as skipped: its writer died or is still writing.
    """
    follower = JournalFollower(path)
    events = follower.poll()
    cut = 1 if follower._rest.strip() or follower._overlong else 0
    return JournalReading(events=events, skipped=follower.skipped + cut, newer=follower.newer)


def _is_event_of_a_newer_version(line: bytes) -> bool:
    try:
        value: Any = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "seq" in value and "payload" in value


def steady_clock(not_before: datetime | None = None) -> Callable[[], datetime]:
    """Wall time that goes on by the monotonic clock: what sets the system's clock moves nothing.

    Times of one writer differ by what has passed, those of the next are no earlier.
    """
    began = datetime.now(UTC)
    if not_before is not None:
        began = max(began, not_before)
    at = time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - at)


def _last_time(path: Path) -> datetime | None:
    if not path.exists():
        return None
    return max((event.time for event in read_journal(path).events), default=None)


def _last_seq(path: Path) -> int:
    if not path.exists():
        return 0
    return max((event.seq for event in read_journal(path).events), default=0)


def _ends_inside_a_line(path: Path) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as stream:
        stream.seek(-1, 2)
        return stream.read(1) != b"\n"
