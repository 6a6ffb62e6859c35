"""What a backend is told when an agent starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ptb_lite.agents.secrets.logins import Login

HOME = ".home"
"""An agent's home, relative to the workspace."""


@dataclass(frozen=True)
class Key:
    """The one secret that an agent gets, and the variable of the host that it came from."""

    variable: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class AgentStart:
    """`model` is the language model behind the scaffold, None where there is none.

    `program` is the scaffold's program on this machine, `endpoint` the base URL of a person's own
    model server (None: the scaffold's own), `key` what it authenticates with, `login` the
    program's own login where there is no key. `deadline`, in seconds since the epoch, is for a
    workspace without a task.json that says it.
    """

    workspace: Path
    prompt_file: Path
    model: str | None
    program: str = ""
    endpoint: str | None = None
    key: Key | None = None
    login: Login | None = None
    deadline: float | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything that the agent holds and that nobody may be shown."""
        own = (self.key.value,) if self.key is not None else ()
        return own + (self.login.secrets() if self.login is not None else ())

    @property
    def home(self) -> Path:
        """Where a scaffold keeps its sessions: in the workspace, so that they can be resumed."""
        return self.workspace / HOME

    def prompt(self) -> str:
        """The prompt's text; raises OSError and UnicodeDecodeError as reading the file does."""
        return self.prompt_file.read_text(encoding="utf-8")


def in_home(command: Sequence[str]) -> list[str]:
    """`command`, with its home made before it starts.

    That is done by a shell inside the sandbox: on the host, what lies in the workspace could be a
    link to anywhere.
    """
    return ["sh", "-c", 'mkdir -p "$HOME" && exec "$@"', "sh", *command]
