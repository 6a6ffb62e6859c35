"""What every backend offers, and the choice of one by the catalogue's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ptb_lite.agents.command import CommandBackend
from ptb_lite.agents.recipe import RecipeBackend
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.events import AgentEvent


class Backend(Protocol):
    """How to start one kind of agent and how to read what it prints.

    `resumable`: whether a session that was cut off can go on in a new process.
    """

    resumable: bool

    def command(self, start: AgentStart) -> list[str]:
        """The program and its arguments; it is started in the workspace."""

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        """Variables beyond those that every agent gets."""

    def read_line(self, line: bytes) -> AgentEvent | None:
        """The event in one line of output; None for a line that says nothing. Never raises."""


@dataclass(frozen=True)
class AgentPlan:
    """A backend with what it needs to be started."""

    backend: Backend
    start: AgentStart


def plan_agent(entry: AgentEntry, *, workspace: Path, model: str | None) -> AgentPlan:
    """The backend that the catalogue's entry names, with the paths of one workspace."""
    start = AgentStart(workspace=workspace, prompt_file=workspace / "prompt.md", model=model)
    match entry.backend:
        case "recipe":
            return AgentPlan(RecipeBackend(), start)
        case "command":
            return AgentPlan(CommandBackend(entry.command), start)
