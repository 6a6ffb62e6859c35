"""What a kind of agent must be able to say and do: the plugins of the group `ptb_lite.agents`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ptb_lite.agents.endpoints import Address
from ptb_lite.agents.event_bounds import shortened, text_event
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.catalog.prices import Price
from ptb_lite.chat.masking import mask_line
from ptb_lite.events import AgentEvent, AgentEventKind


class Backend(Protocol):
    """How to start one agent and how to read what it prints.

    One object reads the output of one agent, all its processes included, in order: it may remember
    what it has read.
    """

    def command(self, start: AgentStart) -> list[str]:
        """The program and its arguments; it is started in the workspace.

        The prompt stands in none of them: an agent that ends processes by a word of their command
        line (`pkill -f train`) would end itself.
        """

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        """Variables beyond those that every agent gets, its key included."""

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        """The events in one line of output; empty for a line that says nothing. Never raises."""


@runtime_checkable
class ResumableBackend(Backend, Protocol):
    """A backend whose sessions can go on in a new process; tell it by `isinstance`."""

    def resume(self, start: AgentStart, session_id: str) -> list[str]:
        """The command that goes on with a session; what it is told comes on standard input."""


@dataclass(frozen=True)
class AgentPlan:
    """A backend with what it needs to be started."""

    backend: Backend
    start: AgentStart
    read_only: tuple[Path, ...] = ()
    """Paths that a sandbox must show it."""
    folders: tuple[Path, ...] = ()
    """They come first on its PATH."""
    endpoints: tuple[Address, ...] = ()
    """The hosts of its model."""
    prompt_on_stdin: bool = False
    """It is given the prompt on standard input; else it reads the file itself."""
    price: Price | None = None
    """What its model costs, where its program does not say that itself."""
    may_be_silent: bool = False
    """Saying nothing for long is no sign that it does not work."""

    def read_whole(self, line: bytes) -> tuple[AgentEvent, ...]:
        """The backend's events of a line, with the agent's secrets masked."""
        masked = mask_line(line, self.start.secrets)
        try:
            events = self.backend.read_line(masked)
        except Exception:
            # An outside backend that breaks its promise on one line does not end the run.
            event = text_event(masked, AgentEventKind.UNKNOWN)
            return () if event is None else (event,)
        return tuple(map(self._priced, events))

    def _priced(self, event: AgentEvent) -> AgentEvent:
        if event.kind is not AgentEventKind.USAGE or self.price is None or "cost_usd" in event.data:
            return event
        estimate = {"cost_usd": self.price.of(event.data), "cost_estimated": 1.0}
        return event.model_copy(update={"data": {**event.data, **estimate}})

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        """The same with texts as short as in a journal."""
        return tuple(shortened(event) for event in self.read_whole(line))


@dataclass(frozen=True)
class Readiness:
    """`ready` says that a run can be started; `fix` what to do where it cannot."""

    agent: str
    installed: bool
    ready: bool
    message: str
    fix: str = ""
    untested: str = ""
    """That this version of its program was not tested, and which was."""


@runtime_checkable
class AgentPlugin(Protocol):
    """One kind of agent, with everything that this project knows about it."""

    entry: AgentEntry | None
    """What the catalogue lists; None: only a person's agents.yaml names it. An entry of that file
    with this backend takes from it what it does not say itself."""
    session_files: tuple[str, ...]
    """Where its program records sessions, relative to the agent's home; folders end with a /."""
    program_files: tuple[str, ...]
    """What its program puts there by itself, whatever its model does."""

    def plan(self, entry: AgentEntry, start: AgentStart, environ: Mapping[str, str]) -> AgentPlan:
        """How to start it for an entry of the catalogue; `environ` is the host's environment.

        Raises PtbLiteError when what it needs of this machine is missing, with the way to get it.
        """

    def readiness(self, entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:
        """Whether it can be used here. Nothing is sent, and no key is tried."""
