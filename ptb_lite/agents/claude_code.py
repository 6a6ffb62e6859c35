"""Claude Code, driven by `claude -p` (seen with 2.1.197).

It ends its background tasks with each turn, and says success in a failed result's subtype: only
`is_error` tells. The counts of an `assistant` line are those at the start of the answer, so that
output tokens are nearly absent until the last line gives the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptb_lite.agents.json_lines import (
    cost,
    count,
    increase,
    inner,
    objects,
    read_object,
    said,
    session,
    tokens,
    tool_call,
    usage,
)
from ptb_lite.agents.scaffold import Scaffold
from ptb_lite.agents.secrets.logins import Wanted, only
from ptb_lite.agents.start import AgentStart, in_home
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.events import AgentEvent, AgentEventKind

_BASH_LIMIT_MS = "36000000"


class ClaudeCodeBackend:
    def __init__(self) -> None:
        self._turn: dict[str, float] = {}
        self._message: tuple[object, dict[str, float]] = (None, {})

    def command(self, start: AgentStart) -> list[str]:
        return in_home([*_program(start), "-p"])

    def resume(self, start: AgentStart, session_id: str) -> list[str]:
        return in_home([*_program(start), "--resume", session_id, "-p"])

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        environment = {
            "HOME": str(start.home),
            # As root it refuses to work without asking, unless told that it is in a sandbox.
            "IS_SANDBOX": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            # Training takes longer than the ten minutes that it gives a command by itself.
            "BASH_MAX_TIMEOUT_MS": _BASH_LIMIT_MS,
            # What says no limit itself would go to the background after two.
            "BASH_DEFAULT_TIMEOUT_MS": _BASH_LIMIT_MS,
        }
        if start.endpoint is not None:
            environment["ANTHROPIC_BASE_URL"] = start.endpoint
        if start.key is not None:
            environment[start.key.variable] = start.key.value
        return environment

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        return read_object(line, self._read)

    def _read(self, value: dict[str, Any]) -> tuple[AgentEvent, ...] | None:
        match value.get("type"):
            case "system":
                return _system(value)
            case "assistant":
                return (*_answer(value), *self._usage(value))
            case "user":
                return tuple(_results(value))
            case "result":
                return self._result(value)
        return None

    def _usage(self, value: dict[str, Any]) -> tuple[AgentEvent, ...]:
        """What a message adds; one message comes as several lines with the same counts."""
        message = inner(value, "message")
        now = _figures(inner(message, "usage"))
        last_id, before = self._message
        grown = increase(before if message.get("id") == last_id else {}, now)
        self._message = (message.get("id"), now)
        self._turn = {name: self._turn.get(name, 0.0) + more for name, more in grown.items()}
        return usage(grown)

    def _result(self, value: dict[str, Any]) -> tuple[AgentEvent, ...]:
        rest = increase(self._turn, _figures(inner(value, "usage")))
        # Named at the end of a turn only: one that is killed has none.
        rest |= cost(value.get("total_cost_usd"))
        self._turn, self._message = {}, (None, {})
        end = said(AgentEventKind.END, value.get("terminal_reason") or value.get("subtype"))
        if value.get("is_error") is True:
            reason = value.get("result") or value.get("errors") or value.get("subtype")
            return (*usage(rest), said(AgentEventKind.ERROR, reason), end)
        return (*usage(rest), end)


def _program(start: AgentStart) -> list[str]:
    command = [
        start.program,
        *("--output-format", "stream-json", "--verbose"),
        "--dangerously-skip-permissions",
    ]
    return [*command, "--model", start.model] if start.model else command


def _system(value: dict[str, Any]) -> tuple[AgentEvent, ...] | None:
    match value.get("subtype"):
        case "init":
            return (session(value.get("session_id"), value.get("model")),)
        case "api_retry":
            status = value.get("error_status") or ""
            return (said(AgentEventKind.ERROR, f"retrying: {value.get('error')} {status}"),)
    return None


def _answer(value: dict[str, Any]) -> tuple[AgentEvent, ...]:
    kind = AgentEventKind.ERROR if value.get("error") else AgentEventKind.MESSAGE
    events = []
    for block in objects(inner(value, "message").get("content")):
        match block.get("type"):
            case "text":
                events.append(said(kind, block.get("text")))
            case "thinking":
                events.append(said(AgentEventKind.REASONING, block.get("thinking")))
            case "tool_use":
                events.append(tool_call(block.get("name"), block.get("input")))
            case "redacted_thinking":
                pass
            case _:
                events.append(said(AgentEventKind.UNKNOWN, block))
    return tuple(events)


def _results(value: dict[str, Any]) -> list[AgentEvent]:
    """The results of tools; what else a user says here is our own prompt."""
    return [
        said(AgentEventKind.TOOL_RESULT, _joined(block.get("content")))
        for block in objects(inner(value, "message").get("content"))
        if block.get("type") == "tool_result"
    ]


def _joined(content: object) -> object:
    """The text of a result that comes in blocks."""
    if not isinstance(content, list):
        return content
    texts = (block.get("text") for block in objects(content))
    return "\n".join(text for text in texts if isinstance(text, str))


def _figures(counts: dict[str, Any]) -> dict[str, float]:
    """Anthropic's input tokens leave out what the cache holds; the vocabulary's do not."""
    read = count(counts.get("cache_read_input_tokens"))
    written = count(counts.get("cache_creation_input_tokens"))
    whole = count(counts.get("input_tokens")) + read + written
    return tokens(whole, read, counts.get("output_tokens"))


CLAUDE_CODE = Scaffold(
    entry=AgentEntry(
        id="claude-code",
        title="Claude Code (Anthropic)",
        backend="claude-code",
        needs_account=True,
        needs_network=True,
        program="claude",
        install="npm install -g @anthropic-ai/claude-code@2.1.197",
        keys=("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_AUTH_TOKEN"),
        endpoint="api.anthropic.com",
        login_endpoints=("platform.claude.com", "console.anthropic.com"),
        endpoint_variable="ANTHROPIC_BASE_URL",
        on_early_stop="reprompt",
        position=20,
        summary="Driven by `claude -p`. A subscription works by the token of `claude setup-token` "
        "in CLAUDE_CODE_OAUTH_TOKEN.",
    ),
    backend=ClaudeCodeBackend,
    login=(
        # Beside the login there may be tokens of other services (MCP servers).
        Wanted(".claude/.credentials.json", only("claudeAiOauth")),
        Wanted(".claude.json", only("oauthAccount", "userID", "hasCompletedOnboarding")),
    ),
    session_files=(".claude/projects/", ".claude/todos/", ".claude/shell-snapshots/"),
)
