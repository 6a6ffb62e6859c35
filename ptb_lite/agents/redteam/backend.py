"""The red-team backends: each runs one program of this folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from ptb_lite.agents.reading import vocabulary_event
from ptb_lite.agents.start import AgentStart
from ptb_lite.events import AgentEvent


@dataclass(frozen=True)
class RedTeamBackend:
    """`name` is one of the catalogue's backends that begin with "cheat-"."""

    name: str
    resumable = False

    def command(self, start: AgentStart) -> list[str]:  # noqa: ARG002
        module = self.name.removeprefix("cheat-")
        return [sys.executable, "-m", f"ptb_lite.agents.redteam.{module}"]

    def environment(self, start: AgentStart) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def resume(self, start: AgentStart, session_id: str, message: str) -> list[str]:
        raise NotImplementedError("a red-team agent has no sessions")

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        event = vocabulary_event(line)
        return () if event is None else (event,)
