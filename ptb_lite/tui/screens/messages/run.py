"""What the Run screen's workers tell it. Names are past tense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual.message import Message

from ptb_lite.tui.models.run.source import RunState
from ptb_lite.tui.models.run.view import RunSnapshot


@dataclass(frozen=True)
class Advance:
    """A run as it stands. `skipped` and `newer` count lines of its journal that say nothing here:
    damaged ones, and those of a newer version. `submitted` says what lies in the workspace."""

    shot: RunSnapshot
    state: RunState
    skipped: int = 0
    newer: int = 0
    submitted: str = ""


class RunAdvanced(Message):
    """There is something newer to show; the screen takes the newest."""


class RunUnreadable(Message):
    """The journal cannot be read."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class StopAnswered(Message):
    """The runner was asked to end, or there was none."""

    def __init__(self, answer: str, *, failed: bool) -> None:
        super().__init__()
        self.answer = answer
        self.failed = failed


class TraceWritten(Message):
    """The whole trace lies in a file, ready for the pager."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
