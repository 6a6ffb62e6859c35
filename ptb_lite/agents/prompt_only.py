"""A control that trains nothing: it hands in an adapter that leaves the base as it is."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ptb_lite.agents.reading import vocabulary_event
from ptb_lite.agents.start import AgentStart
from ptb_lite.events import AgentEvent


class PromptOnlyBackend:
    resumable = False

    def command(self, start: AgentStart) -> list[str]:  # noqa: ARG002
        return [sys.executable, "-m", "ptb_lite.agents.prompt_only_main"]

    def environment(self, start: AgentStart) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def resume(self, start: AgentStart, session_id: str, message: str) -> list[str]:
        raise NotImplementedError("the control has no sessions")

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        event = vocabulary_event(line)
        return () if event is None else (event,)
