"""The built-in agent that needs no account: a fixed QLoRA recipe, run as a program of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ptb_lite.agents.reading import vocabulary_event
from ptb_lite.agents.start import AgentStart
from ptb_lite.events import AgentEvent


class RecipeBackend:
    resumable = False

    def command(self, start: AgentStart) -> list[str]:  # noqa: ARG002
        return [sys.executable, "-m", "ptb_lite.agents.recipe_main"]

    def environment(self, start: AgentStart) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def resume(self, start: AgentStart, session_id: str, message: str) -> list[str]:
        raise NotImplementedError("the recipe has no sessions")

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        event = vocabulary_event(line)
        return () if event is None else (event,)
