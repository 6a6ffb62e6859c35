"""What an agent said and did, as entries grouped into turns; only the last ones are kept."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ptb_lite.text import clean

MAX_ENTRIES = 2000
MAX_ENTRY_CHARACTERS = 8192
MAX_CHARACTERS = 4_000_000


class EntryKind(StrEnum):
    MESSAGE = "message"
    REASONING = "reasoning"
    COMMAND = "command"
    RESULT = "result"
    ERROR = "error"
    NOTE = "note"
    FLAG = "flag"


FOLDED = frozenset({EntryKind.RESULT, EntryKind.REASONING})
_HOST = frozenset({EntryKind.NOTE, EntryKind.FLAG})
_TALK = frozenset({EntryKind.MESSAGE, EntryKind.REASONING})
# How the name of a sub-agent's tool begins.
SUB_AGENT = "sub-agent"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said or done. `number` counts from 1 over the run; `text` is safe to show.

    `turn` counts the agent's turns from 1; 0: before it began, or the host's own note.
    """

    number: int
    turn: int
    kind: EntryKind
    time: datetime
    text: str
    tool: str = ""


class TraceFilter(StrEnum):
    """What of a trace is shown."""

    ALL = "all"
    AGENT = "agent"
    HOST = "host"
    FLAGS = "flags"

    def shows(self, entry: Entry) -> bool:
        match self:
            case TraceFilter.AGENT:
                return entry.kind not in _HOST
            case TraceFilter.HOST:
                return entry.kind in _HOST
            case TraceFilter.FLAGS:
                return entry.kind is EntryKind.FLAG
        return True


class Trace:
    """The last entries of a run. `earlier` says how many are only in the journal any more."""

    def __init__(
        self, max_entries: int = MAX_ENTRIES, max_characters: int = MAX_CHARACTERS
    ) -> None:
        self._entries: deque[Entry] = deque()
        self._max_entries = max_entries
        self._max_characters = max_characters
        self._characters = 0
        self._turn = 0
        self._number = 0
        self._talking = False
        self._by_sub_agent = False
        self.earlier = 0

    def say(self, kind: EntryKind, text: str, time: datetime, tool: str = "") -> None:
        """Something of the agent's. Talk after a command or its result begins a turn, and so does
        a change between the agent and a sub-agent, whose name `tool` begins with `SUB_AGENT`."""
        by_sub_agent = tool.startswith(SUB_AGENT)
        changes = by_sub_agent is not self._by_sub_agent
        if self._turn == 0 or changes or (kind in _TALK and not self._talking):
            self._turn += 1
        self._by_sub_agent = by_sub_agent
        self._talking = kind in _TALK
        self._add(kind, text, time, self._turn, tool)

    def note(self, text: str, time: datetime, kind: EntryKind = EntryKind.NOTE) -> None:
        """Something that the host has to say; a flag is of its own kind."""
        self._add(kind, text, time, 0, "")

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries)

    def _add(self, kind: EntryKind, text: str, time: datetime, turn: int, tool: str) -> None:
        self._number += 1
        shown = clean(text.strip(), MAX_ENTRY_CHARACTERS)
        entry = Entry(self._number, turn, kind, time, shown, clean(tool, 60))
        self._entries.append(entry)
        self._characters += len(entry.text)
        while len(self._entries) > self._max_entries or (
            self._characters > self._max_characters and len(self._entries) > 1
        ):
            self._characters -= len(self._entries.popleft().text)
            self.earlier += 1
