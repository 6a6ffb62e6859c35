"""OpenCode, driven by `opencode run` (seen with 1.18.33).

It has neither a first nor a last event, and tells of a tool only once it is done. Of a sub-agent
this version tells only what came of it, not its tokens (its issue 49300); events of another session
than the process's first would be a sub-agent's. Without a model it silently takes a hosted one, so
a model is required.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptb_lite.agents.json_lines import (
    cost,
    count,
    inner,
    of_sub_agent,
    read_object,
    result,
    said,
    session,
    spoken,
    tokens,
    tool_call,
    uncounted,
    usage,
)
from ptb_lite.agents.scaffold import Scaffold
from ptb_lite.agents.secrets.logins import Wanted, only
from ptb_lite.agents.start import AgentStart, in_home
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import AgentEvent, AgentEventKind

# A server of one's own: under a known provider's name it would be spoken to in that one's ways.
_OWN_PROVIDER = "ptb-lite"
_SHELL = Path(__file__).with_name("opencode_shell.sh")

# Where the providers that it knows by itself are reached.
PROVIDER_HOSTS = {
    "anthropic": "api.anthropic.com",
    "google": "generativelanguage.googleapis.com",
    "openai": "api.openai.com",
    "opencode": "opencode.ai",
    "openrouter": "openrouter.ai",
}


class OpenCodeBackend:
    def __init__(self) -> None:
        self._session_id: object = None

    def command(self, start: AgentStart) -> list[str]:
        """Raises PtbLiteError without a model as PROVIDER/MODEL."""
        self._session_id = None
        return in_home(_program(start))

    def resume(self, start: AgentStart, session_id: str) -> list[str]:
        self._session_id = None
        return in_home([*_program(start), "--session", session_id])

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        environment = {
            "HOME": str(start.home),
            "BASH_ENV": str(_SHELL),
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            # A command is ended after two minutes by itself. Source: its issue 11313 and its shell
            # tool, where a limit that the model names goes before this one.
            "OPENCODE_EXPERIMENTAL_BASH_DEFAULT_TIMEOUT_MS": "36000000",
            "OPENCODE_CONFIG_CONTENT": json.dumps(_settings(start)),
        }
        if start.key is not None:
            environment[start.key.variable] = start.key.value
        return environment

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        return read_object(line, self._read)

    def _read(self, value: dict[str, Any]) -> tuple[AgentEvent, ...] | None:
        events, named = _said(value), value.get("sessionID")
        if events is None or named in (None, self._session_id):
            return events
        if self._session_id is not None:
            return of_sub_agent(named, events)
        self._session_id = named
        return (session(named), *events)


def provider_and_model(model: str | None) -> tuple[str, str]:
    """The two parts of PROVIDER/MODEL; raises PtbLiteError where one is missing."""
    provider, _, name = (model or "").partition("/")
    if not provider or not name:
        raise PtbLiteError(
            f"opencode needs a model as PROVIDER/MODEL, not {model!r}",
            field="agent-model",
            hint="For instance --agent-model anthropic/claude-sonnet-4-5",
        )
    return provider, name


def _program(start: AgentStart) -> list[str]:
    provider, name = provider_and_model(start.model)
    if start.endpoint is not None:
        provider = _OWN_PROVIDER
    return [start.program, "run", "--format", "json", "--auto", "-m", f"{provider}/{name}"]


def _settings(start: AgentStart) -> dict[str, Any]:
    settings: dict[str, Any] = {"autoupdate": False, "share": "disabled"}
    if start.endpoint is None:
        return settings
    _, name = provider_and_model(start.model)
    options = {"baseURL": start.endpoint}
    if start.key is not None:
        options["apiKey"] = f"{{env:{start.key.variable}}}"
    settings["provider"] = {
        _OWN_PROVIDER: {
            "npm": "@ai-sdk/openai-compatible",
            "name": _OWN_PROVIDER,
            "options": options,
            "models": {name: {"name": name, "tool_call": True}},
        }
    }
    return settings


def _said(value: dict[str, Any]) -> tuple[AgentEvent, ...] | None:
    part = inner(value, "part")
    match value.get("type"):
        case "step_start":
            return ()
        case "text":
            return spoken(AgentEventKind.MESSAGE, part.get("text"))
        case "reasoning":
            return spoken(AgentEventKind.REASONING, part.get("text"))
        case "tool_use":
            state = inner(part, "state")
            came = state.get("output") or state.get("error")
            call = tool_call(part.get("tool"), state.get("input"))
            return (
                uncounted(call) if part.get("tool") == "task" else call,
                result(came, part.get("tool"), failed=state.get("status") == "error"),
            )
        case "step_finish":
            return usage(_figures(inner(part, "tokens")) | cost(part.get("cost")))
        case "error":
            return (said(AgentEventKind.ERROR, _reason(inner(value, "error"))),)
    return None


def _reason(error: dict[str, Any]) -> object:
    """What went wrong, with the status that the model's server answered."""
    data = inner(error, "data")
    reason, status = data.get("message") or error.get("name"), data.get("statusCode")
    return f"{status}: {reason}" if isinstance(status, int) else reason


def _figures(counts: dict[str, Any]) -> dict[str, float]:
    """OpenCode counts cache reads and reasoning beside input and output, not within them."""
    read = count(inner(counts, "cache").get("read"))
    written = count(inner(counts, "cache").get("write"))
    whole = count(counts.get("input")) + read + written
    return tokens(whole, read, count(counts.get("output")) + count(counts.get("reasoning")))


class OpenCodeScaffold(Scaffold):
    """Of many providers' keys, logins and hosts, only those of the model's provider are of use."""

    def key_variables(self, entry: AgentEntry, model: str | None) -> tuple[str, ...]:
        """The entry's variables whose names begin with the provider's, or else one made of it."""
        provider = provider_and_model(model)[0].upper().replace("-", "_")
        own = tuple(name for name in entry.keys if name.startswith(provider + "_"))
        return own or (f"{provider}_API_KEY",)

    def hosts(self, entry: AgentEntry, model: str | None) -> tuple[str, ...]:  # noqa: ARG002
        provider = provider_and_model(model)[0]
        return (PROVIDER_HOSTS[provider],) if provider in PROVIDER_HOSTS else ()

    def wanted_login(self, model: str | None) -> tuple[Wanted, ...]:
        if model is None:
            return self.login
        provider = provider_and_model(model)[0]
        return tuple(Wanted(each.path, only(provider)) for each in self.login)


OPENCODE = OpenCodeScaffold(
    entry=AgentEntry(
        id="opencode",
        title="OpenCode (any provider)",
        backend="opencode",
        needs_account=True,
        needs_network=True,
        program="opencode",
        install="npm install -g opencode-ai@1.18.33",
        keys=(
            "ANTHROPIC_API_KEY",
            "OPENAI_API_KEY",
            "GOOGLE_GENERATIVE_AI_API_KEY",
            "OPENROUTER_API_KEY",
            "OPENCODE_API_KEY",
        ),
        endpoint_variable="OPENCODE_BASE_URL",
        on_early_stop="reprompt",
        position=23,
        summary="Driven by `opencode run`. The choice agent_model is PROVIDER/MODEL; the key is "
        "the provider's. A server of one's own (OPENCODE_BASE_URL) must speak OpenAI's chat "
        "completions.",
    ),
    backend=OpenCodeBackend,
    login=(Wanted(".local/share/opencode/auth.json"),),
    session_files=(".local/share/opencode/",),
)
