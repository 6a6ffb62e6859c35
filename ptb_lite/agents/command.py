"""A person's own command line as an agent; what it prints is a plain text log."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ptb_lite.agents.endpoints import address_of
from ptb_lite.agents.event_bounds import text_event
from ptb_lite.agents.protocol import AgentPlan, Readiness
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.events import AgentEvent


class CommandBackend:
    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)

    def files(self) -> tuple[Path, ...]:
        """The files that the command names by an absolute path.

        A sandbox must show them: a person's own script lies outside of it.
        """
        absolute = (argument for argument in self._command if argument.startswith("/"))
        # An argument may be anything; unlike Path.is_file, this never raises.
        return tuple(Path(name) for name in absolute if os.path.isfile(name))  # noqa: PTH113

    def command(self, start: AgentStart) -> list[str]:
        """The command with `{prompt_file}` and `{model}` filled in; other braces stay."""
        filled = {"{prompt_file}": str(start.prompt_file), "{model}": start.model or ""}
        return [_replace(argument, filled) for argument in self._command]

    def environment(self, start: AgentStart) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        event = text_event(line)
        return () if event is None else (event,)


def _replace(argument: str, filled: Mapping[str, str]) -> str:
    for placeholder, value in filled.items():
        argument = argument.replace(placeholder, value)
    return argument


class CommandPlugin:
    """The agents of a person's agents.yaml that are a command line of their own."""

    entry: AgentEntry | None = None
    session_files: tuple[str, ...] = ()
    program_files: tuple[str, ...] = ()

    def plan(
        self,
        entry: AgentEntry,
        start: AgentStart,
        environ: Mapping[str, str],  # noqa: ARG002
    ) -> AgentPlan:
        backend = CommandBackend(entry.command)
        return AgentPlan(
            backend,
            start,
            read_only=backend.files(),
            endpoints=(address_of(entry.endpoint),) if entry.endpoint else (),
            may_be_silent=True,
        )

    def readiness(self, entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:  # noqa: ARG002
        return Readiness(entry.id, installed=True, ready=True, message="your own command")


COMMAND = CommandPlugin()
