"""Gemini CLI, driven by `gemini` with the prompt on standard input (seen with 0.61.0).

Compactions and what sub-agents do are not told; the counts at the end are of all models and agents.
It takes a server of one's own from its environment only when a settings file says that a key is how
it authenticates. It ignores SIGTERM for 15 s and leaves orphans: the supervisor ends those.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ptb_lite.agents.json_lines import (
    count,
    inner,
    objects,
    read_object,
    result,
    said,
    session,
    tokens,
    tool_call,
    total,
    usage,
)
from ptb_lite.agents.scaffold import Scaffold
from ptb_lite.agents.secrets.logins import Wanted, only
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.events import AgentEvent, AgentEventKind

_SETTINGS = {
    "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
    # A command that prints nothing for five minutes would be ended; 0 lifts that. Source:
    # docs/reference/configuration.md in its package, and the source of its shell tool.
    "tools": {"shell": {"inactivityTimeout": 0}},
    "privacy": {"usageStatisticsEnabled": False},
}
# Written inside the sandbox: on the host the agent's home could hold a link to anywhere.
_WITH_SETTINGS = 'mkdir -p "$HOME/.gemini" && printf %s "$1" >"$HOME/.gemini/settings.json" && '
_WITH_SETTINGS += 'shift && exec "$@"'


class GeminiBackend:
    def command(self, start: AgentStart) -> list[str]:
        return _program(start)

    def resume(self, start: AgentStart, session_id: str) -> list[str]:
        return [*_program(start), "--resume", session_id]

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        environment = {"HOME": str(start.home)}
        if start.endpoint is not None:
            environment["GOOGLE_GEMINI_BASE_URL"] = start.endpoint
        if start.key is not None:
            environment[start.key.variable] = start.key.value
        return environment

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        return read_object(line, self._read)

    def _read(self, value: dict[str, Any]) -> tuple[AgentEvent, ...] | None:
        match value.get("type"):
            case "init":
                return (session(value.get("session_id"), value.get("model")),)
            case "message":
                # What a user says here is our own prompt.
                own = value.get("role") != "assistant"
                return () if own else (said(AgentEventKind.MESSAGE, value.get("content")),)
            case "tool_use":
                return (tool_call(value.get("tool_name"), value.get("parameters")),)
            case "tool_result":
                return (result(_output(value), failed=value.get("status") == "error"),)
            case "error":
                return (said(AgentEventKind.ERROR, value.get("message")),)
            case "result":
                return _result(value)
        return None


def _program(start: AgentStart) -> list[str]:
    kind = "oauth-personal" if start.login is not None else "gemini-api-key"
    settings = {**_SETTINGS, "security": {"auth": {"selectedType": kind}}}
    return [
        *("sh", "-c", _WITH_SETTINGS, "sh", json.dumps(settings), start.program),
        *("-o", "stream-json", "--yolo", "--skip-trust"),
        *(("-m", start.model) if start.model else ()),
    ]


def _output(value: dict[str, Any]) -> object:
    return value.get("output") or inner(value, "error").get("message")


def _result(value: dict[str, Any]) -> tuple[AgentEvent, ...]:
    stats = inner(value, "stats")
    figures = _figures(stats)
    end = said(AgentEventKind.END, value.get("status"))
    if value.get("status") != "error":
        return (*usage(figures), end)
    reason = inner(value, "error").get("message") or "failed without a reason"
    return (*usage(figures), said(AgentEventKind.ERROR, reason), end)


def _figures(stats: dict[str, Any]) -> dict[str, float]:
    """Of all its models, sub-agents included; summed where only theirs are told. Thoughts are part
    of the whole only."""
    models = objects([*inner(stats, "models").values()])
    if models and not count(stats.get("input_tokens")):
        return total(*map(_figures, models))
    read = count(stats.get("input_tokens"))
    written = max(count(stats.get("output_tokens")), count(stats.get("total_tokens")) - read)
    return tokens(read, stats.get("cached"), written)


GEMINI = Scaffold(
    entry=AgentEntry(
        id="gemini",
        title="Gemini CLI (Google)",
        backend="gemini",
        needs_account=True,
        needs_network=True,
        program="gemini",
        install="npm install -g @google/gemini-cli@0.61.0",
        keys=("GEMINI_API_KEY",),
        endpoint="generativelanguage.googleapis.com",
        login_endpoints=(
            "cloudcode-pa.googleapis.com",
            "oauth2.googleapis.com",
            "www.googleapis.com",
            "accounts.google.com",
        ),
        endpoint_variable="GOOGLE_GEMINI_BASE_URL",
        on_early_stop="reprompt",
        position=22,
        summary="Driven by `gemini -p`.",
    ),
    backend=GeminiBackend,
    login=(
        Wanted(".gemini/oauth_creds.json"),
        Wanted(".gemini/google_accounts.json", only("active")),
    ),
    session_files=(".gemini/tmp/",),
)
