"""What every backend offers, and the choice of one by the catalogue's name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ptb_lite.agents.command import CommandBackend
from ptb_lite.agents.endpoints import Address, endpoints_of
from ptb_lite.agents.event_bounds import shortened
from ptb_lite.agents.local.backend import LocalBackend, local_start
from ptb_lite.agents.own_program import OwnProgramBackend
from ptb_lite.agents.scaffold import find_scaffold
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.chat.masking import mask_line
from ptb_lite.events import AgentEvent


class Backend(Protocol):
    """How to start one kind of agent and how to read what it prints.

    One object reads the output of one agent, all its processes included, in order: it may remember
    what it has read.
    """

    def command(self, start: AgentStart) -> list[str]:
        """The program and its arguments; it is started in the workspace."""

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        """Variables beyond those that every agent gets, its key included."""

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        """The events in one line of output; empty for a line that says nothing. Never raises."""


@runtime_checkable
class ResumableBackend(Backend, Protocol):
    """A backend whose sessions can go on in a new process; tell it by `isinstance`."""

    def resume(self, start: AgentStart, session_id: str, message: str) -> list[str]:
        """The command that goes on with a session by saying `message` to it."""


@dataclass(frozen=True)
class AgentPlan:
    """A backend with what it needs to be started.

    `read_only` are paths that a sandbox must show it, `folders` come first on its PATH,
    `endpoints` are the hosts of its model.
    """

    backend: Backend
    start: AgentStart
    read_only: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    endpoints: tuple[Address, ...] = ()

    def read_whole(self, line: bytes) -> tuple[AgentEvent, ...]:
        """The backend's events of a line, with the agent's secrets masked."""
        return self.backend.read_line(mask_line(line, self.start.secrets))

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        """The same with texts as short as in a journal."""
        return tuple(shortened(event) for event in self.read_whole(line))


def plan_agent(entry: AgentEntry, *, workspace: Path, model: str | None) -> AgentPlan:
    """The backend that the catalogue's entry names, with the paths of one workspace.

    Raises PtbLiteError when what the backend needs of this machine is missing.
    """
    start = AgentStart(workspace=workspace, prompt_file=workspace / "prompt.md", model=model)
    match entry.backend:
        case "recipe":
            return AgentPlan(OwnProgramBackend("ptb_lite.agents.recipe_main"), start)
        case "prompt-only":
            return AgentPlan(OwnProgramBackend("ptb_lite.agents.prompt_only_main"), start)
        case (
            "cheat-ingest"
            | "cheat-rename"
            | "cheat-substitute"
            | "cheat-tamper"
            | "cheat-encode" as name
        ):
            module = f"ptb_lite.agents.redteam.{name.removeprefix('cheat-')}"
            return AgentPlan(OwnProgramBackend(module), start)
        case "local":
            start = local_start(start, os.environ)
            return AgentPlan(LocalBackend(), start, endpoints=endpoints_of(entry, start))
        case "command":
            backend = CommandBackend(entry.command)
            endpoints = endpoints_of(entry, start)
            return AgentPlan(backend, start, read_only=backend.files(), endpoints=endpoints)
        case "claude-code" | "codex" | "gemini" | "opencode":
            found = find_scaffold(entry, start, os.environ)
            program = found.program
            return AgentPlan(
                found.backend,
                found.start,
                read_only=program.read_only,
                folders=program.folders,
                endpoints=endpoints_of(entry, found.start),
            )
