"""Agents that are programs of this package, without a model: recipe, control, and cheats."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from ptb_lite.agents.event_bounds import vocabulary_event
from ptb_lite.agents.start import AgentStart
from ptb_lite.events import AgentEvent


@dataclass(frozen=True)
class OwnProgramBackend:
    """`module` is run in the workspace; each line that it prints is an event, or plain text."""

    module: str

    def command(self, start: AgentStart) -> list[str]:  # noqa: ARG002
        return [sys.executable, "-m", self.module]

    def environment(self, start: AgentStart) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        event = vocabulary_event(line)
        return () if event is None else (event,)
