"""What a scaffold is started with: its program, one key, and a server of one's own if there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.agents.codex import CodexBackend
from ptb_lite.agents.gemini import GeminiBackend
from ptb_lite.agents.logins import find_login
from ptb_lite.agents.opencode import OpenCodeBackend, provider_and_model
from ptb_lite.agents.program import Program, find_program
from ptb_lite.agents.start import AgentStart, Key
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.errors import PtbLiteError

ScaffoldBackend = ClaudeCodeBackend | CodexBackend | GeminiBackend | OpenCodeBackend
SCAFFOLDS: Mapping[str, Callable[[], ScaffoldBackend]] = MappingProxyType(
    {
        "claude-code": ClaudeCodeBackend,
        "codex": CodexBackend,
        "gemini": GeminiBackend,
        "opencode": OpenCodeBackend,
    }
)


@dataclass(frozen=True)
class Scaffold:
    backend: ScaffoldBackend
    start: AgentStart
    program: Program


def find_scaffold(entry: AgentEntry, start: AgentStart, environ: Mapping[str, str]) -> Scaffold:
    """The scaffold of an entry, ready to be started.

    `environ` is the host's environment: key and endpoint come from the variables that the entry
    names, and nothing else of it goes on. Without a key, the login that the program itself keeps
    in this person's home is used. Raises PtbLiteError when the program, or both, are missing,
    with the way to get them.
    """
    program = find_program(entry.program)
    if program is None:
        raise PtbLiteError(
            f"the program '{entry.program}' is not installed",
            field="agent",
            hint=f"Install it with: {entry.install}",
        )
    endpoint = environ.get(entry.endpoint_variable or "") or None
    variables = key_variables(entry, start.model)
    key = find_key(variables, environ)
    login = find_login(entry.backend, Path.home(), provider=_provider(entry, start.model))
    if key is None and (login is None or endpoint is not None):
        # A login is for the program's own host: a server of one's own is not shown it.
        raise PtbLiteError(
            f"agent '{entry.id}' has no key",
            field="agent",
            hint=f"Set {' or '.join(variables)}, or sign in with `{entry.program}` itself",
        )
    return Scaffold(
        backend=SCAFFOLDS[entry.backend](),
        start=replace(
            start,
            program=str(program.path),
            endpoint=endpoint,
            key=key,
            login=login if key is None else None,
        ),
        program=program,
    )


def key_variables(entry: AgentEntry, model: str | None) -> tuple[str, ...]:
    """The variables that may hold the key, best first.

    Of many providers' keys, only that of the model's provider is of use: the entry's variables
    are those whose names begin with the provider's, or else made of it.
    """
    if entry.backend != "opencode":
        return entry.keys
    provider = provider_and_model(model)[0].upper().replace("-", "_")
    own = tuple(name for name in entry.keys if name.startswith(provider + "_"))
    return own or (f"{provider}_API_KEY",)


def _provider(entry: AgentEntry, model: str | None) -> str:
    return provider_and_model(model)[0] if entry.backend == "opencode" else ""


def find_key(variables: tuple[str, ...], environ: Mapping[str, str]) -> Key | None:
    """The first variable that is set, with its value."""
    for variable in variables:
        if value := environ.get(variable, "").strip():
            return Key(variable, value)
    return None
