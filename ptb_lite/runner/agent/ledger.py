"""The ledger of a working agent: notes of its trainings and scores, read from a file that it can
write, and commands that train or score by other means, read from its trace.

Bounded, validated and masked; nothing of it reaches a score. What a note claims is set beside what
the host saw: whether such a process of the agent's was there.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.events import AgentEvent, AgentEventKind, Record
from ptb_lite.ledger_file import MAX_LINE, NAME, parse
from ptb_lite.ledger_notes import (
    CommandSeen,
    LedgerChanged,
    LedgerPayload,
    ScoringBegan,
    TrainingBegan,
)

MAX_NOTES = 2000
MAX_COMMANDS = 500
_PIECE = 1 << 18
_PROGRAMS = {
    "training": ("ptb-lite-train", "ptb_lite.training"),
    "evaluation": ("evaluate.py", "ptb_lite.evaluation.workspace_main"),
}
_TRAINING = re.compile(
    r"ptb-lite-train|\baccelerate\s+launch|\btorchrun\b|\bdeepspeed\s|\baxolotl\b"
    r"|\bllamafactory-cli\s+train|\btrl\s+(?:sft|dpo|grpo|kto)\b|\btune\s+run\b"
    r"|\bpython[\d.]*\s+(?:-[uB]\s+)*(?:-m\s+)?[^\s;|&]*(?:train|sft|finetun|fine_tun|lora|dpo|grpo)"
    r"|\bpython[\d.]*\s+(?:-c\b|-?\s*<<).*?(?:\.train\(\)|Trainer\()",
    re.IGNORECASE | re.DOTALL,
)
_SCORING = re.compile(
    r"evaluate\.py|\blm[_-]eval\b|\bptb-lite\s+eval\b|\binspect\s+eval\b"
    r"|\bpython[\d.]*\s+(?:-[uB]\s+)*(?:-m\s+)?[^\s;|&]*(?:eval|score|bench)",
    re.IGNORECASE,
)
_NO_SHELL = re.compile(r"write|edit|read|todo|search|fetch|patch|glob|grep|task", re.IGNORECASE)


@dataclass
class _Open:
    """A command that may be a training or an evaluation, since when, and until when."""

    what: str
    command: str
    began: float
    ended: float | None = None


class LedgerWatch:
    """Reads what is new at every look. `write` journals, `mask` hides keys in a line, `children`
    gives the command lines of the agent's processes, None where they cannot be seen."""

    def __init__(
        self,
        workspace: Path,
        *,
        write: Callable[[Record], object],
        warn: Callable[[str], None],
        mask: Callable[[bytes], bytes],
    ) -> None:
        self._path = workspace / NAME
        self._write = write
        self._warn = warn
        self._mask = mask
        self._offset = 0
        self._inode: int | None = None
        self._rest = b""
        self._notes = 0
        self._refused = 0
        self._changed = False
        self._began: dict[str, list[float]] = {"training": [], "evaluation": []}
        self._seen: dict[str, bool | None] = {}
        self._commands: list[_Open] = []

    def hear(self, event: AgentEvent, seconds: float) -> None:
        """Take a command of the agent's, or the end of its last one."""
        if event.kind is AgentEventKind.TOOL_RESULT:
            for command in self._commands:
                command.ended = seconds if command.ended is None else command.ended
        elif event.kind is AgentEventKind.TOOL_CALL and not _NO_SHELL.search(event.tool or ""):
            for what, pattern in (("training", _TRAINING), ("evaluation", _SCORING)):
                if pattern.search(event.text[:20_000]) and len(self._commands) < MAX_COMMANDS:
                    self._commands.append(_Open(what, " ".join(event.text.split())[:300], seconds))

    def look(self, seconds: float, children: Callable[[], list[str] | None]) -> None:
        """Journal the notes that came since the last look. A file that is none, or is gone, is no
        error: it is the agent's."""
        while self._notes < MAX_NOTES and (lines := self._lines(seconds)):
            for line in lines:
                self._take(line, seconds, children)

    def finish(self, seconds: float) -> None:
        """Journal what was seen in the trace alone; nothing comes after this."""
        self.look(seconds, lambda: None)
        for at, command in enumerate(self._commands):
            later = (one.began for one in self._commands[at + 1 :] if one.what == command.what)
            until = next(later, float("inf"))
            if not any(command.began - 1 <= t <= until for t in self._began[command.what]):
                self._write(
                    CommandSeen(
                        what="training" if command.what == "training" else "evaluation",
                        command=command.command,
                        began=command.began,
                        ended=command.ended,
                    )
                )
        if self._refused:
            self._warn(f"{self._refused} lines of the agent's ledger are no notes")

    def _lines(self, seconds: float) -> list[bytes]:
        """Whole lines that are new, at most some hundred KiB of them."""
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            if self._inode is not None:
                self._was_changed(seconds)
            return []
        with os.fdopen(handle, "rb") as stream:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                return []
            if about.st_ino != (self._inode or about.st_ino) or about.st_size < self._offset:
                self._was_changed(seconds)
                self._offset, self._rest = 0, b""
            self._inode = about.st_ino
            stream.seek(self._offset)
            piece = stream.read(_PIECE)
        self._offset += len(piece)
        *lines, rest = (self._rest + piece).split(b"\n")
        self._rest = rest[: MAX_LINE + 1]
        return lines

    def _was_changed(self, seconds: float) -> None:
        if not self._changed:
            self._changed = True
            self._write(LedgerChanged(seconds=seconds))

    def _take(self, line: bytes, seconds: float, children: Callable[[], list[str] | None]) -> None:
        note = parse(self._mask(line)) if len(line) <= MAX_LINE else None
        if note is None or self._notes >= MAX_NOTES:
            self._refused += 1
            return
        self._notes += 1
        if isinstance(note, TrainingBegan | ScoringBegan):
            what = "training" if isinstance(note, TrainingBegan) else "evaluation"
            self._began[what].append(seconds)
            self._seen[note.use] = _among(children(), _PROGRAMS[what])
        noted: LedgerPayload = note.model_copy(
            update={"seconds": seconds, "process_seen": self._seen.get(note.use)}
        )
        self._write(noted)


def _among(commands: list[str] | None, programs: tuple[str, ...]) -> bool | None:
    if commands is None:
        return None
    return any(program in command for command in commands for program in programs)
