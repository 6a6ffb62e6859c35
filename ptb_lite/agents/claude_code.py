"""Claude Code, driven by `claude -p` (tested with 2.1.332).

One process may end many turns, each with a `result` line: it wakes up when a background task of
its own is over. `total_cost_usd` and `modelUsage` of a result are those of the process until then,
in some versions with those of the session's earlier processes; its `usage` is that of the turn. A
result says success in its subtype also where it failed: only `is_error` tells. The counts of an
`assistant` line are those at the start of the answer, so that output tokens are nearly absent until
the result gives the whole; lines of an agent and of its sub-agents come interleaved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ptb_lite.agents.json_lines import (
    clean,
    cost,
    count,
    increase,
    inner,
    largest,
    objects,
    of_sub_agent,
    read_object,
    result,
    said,
    session,
    spoken,
    tokens,
    tool_call,
    total,
    usage,
)
from ptb_lite.agents.scaffold import Scaffold
from ptb_lite.agents.secrets.logins import Wanted, only
from ptb_lite.agents.start import AgentStart, in_home
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.events import AgentEvent, AgentEventKind

_BASH_LIMIT_MS = "36000000"
_MAX_MESSAGES = 10_000
_ROUNDING = 1e-6
# Of the year 9999.
_LAST_SECOND = 2.5e11
# What says nothing of the agent's work.
_SILENT = (
    *("stream_event", "tool_progress", "tool_use_summary", "auth_status", "keep_alive"),
    *("prompt_suggestion", "control_request", "control_response", "control_cancel_request"),
)
_SILENT_SYSTEM = (
    *("status", "task_updated", "task_progress", "hook_started", "hook_progress", "hook_response"),
    *("files_persisted", "session_state_changed", "post_turn_summary", "informational"),
    *("microcompact_boundary", "local_command_output", "elicitation_complete"),
)


class ClaudeCodeBackend:
    def __init__(self) -> None:
        self._process: dict[str, float] = {}
        self._cost = 0.0
        self._begin_process()

    def _begin_process(self) -> None:
        self._earlier, self._earlier_cost = self._process, self._cost
        self._first = True
        self._messages: dict[str, dict[str, float]] = {}
        self._unnamed = Counter[str]()
        """Messages without an id, by the sub-agent whose they are."""
        self._turn: dict[str, float] = {}
        """Told since the last result."""
        self._process = {}
        """Told since the process began, or since its session did."""
        self._cost = 0.0

    def command(self, start: AgentStart) -> list[str]:
        self._begin_process()
        return in_home([*_program(start), "-p"])

    def resume(self, start: AgentStart, session_id: str) -> list[str]:
        self._begin_process()
        return in_home([*_program(start), "--resume", session_id, "-p"])

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        environment = {
            "HOME": str(start.home),
            # As root it refuses to work without asking, unless told that it is in a sandbox.
            "IS_SANDBOX": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            # Training takes longer than the ten minutes that it gives a command by itself.
            # Source of both: code.claude.com/docs/en/env-vars.
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
        kind = value.get("type")
        match kind:
            case "system":
                return _system(value)
            case "assistant":
                return (*_marked(value, _answer(value)), *self._usage(value))
            case "user":
                self._unnamed[clean(value.get("parent_tool_use_id"))] += 1
                return _marked(value, _results(value))
            case "result":
                return self._result(value)
            case "rate_limit_event":
                return _rate_limit(inner(value, "rate_limit_info"))
        return () if kind in _SILENT else None

    def _usage(self, value: dict[str, Any]) -> tuple[AgentEvent, ...]:
        """What a message adds; one message comes as several lines with the same counts."""
        message = inner(value, "message")
        now = _figures(inner(message, "usage"))
        name = self._name(value, message, now)
        grown = increase(self._messages.get(name, {}), now)
        self._messages[name] = largest(self._messages.get(name, {}), now)
        while len(self._messages) > _MAX_MESSAGES:
            del self._messages[next(iter(self._messages))]
        return self._told(grown)

    def _name(self, value: dict[str, Any], message: dict[str, Any], now: dict[str, float]) -> str:
        """What a message is known by: its id, or that of the request. Without one the lines in a
        row that have read as much are one message, until a tool answers."""
        given = message.get("id") or value.get("request_id") or value.get("requestId")
        if given:
            return str(given)
        parent = clean(value.get("parent_tool_use_id"))
        name = f"{parent} {self._unnamed[parent]}"
        known = self._messages.get(name, now)
        if any(now[n] != known[n] for n in ("input_tokens", "cached_input_tokens")):
            self._unnamed[parent] += 1
            name = f"{parent} {self._unnamed[parent]}"
        return name

    def _go_on(self, all_models: dict[str, float]) -> None:
        """Add what earlier processes of the session used, where this one's first result has it: it
        then names at least as much input as these and this one's own messages together."""
        both = total(self._earlier, self._process)
        name = "input_tokens"
        if all_models.get(name, 0.0) >= both.get(name, 0.0):
            self._process, self._cost = both, self._earlier_cost

    def _told(self, grown: dict[str, float]) -> tuple[AgentEvent, ...]:
        self._turn = total(self._turn, grown)
        self._process = total(self._process, grown)
        return usage(grown)

    def _result(self, value: dict[str, Any]) -> tuple[AgentEvent, ...]:
        models = [_model_figures(each) for each in objects([*inner(value, "modelUsage").values()])]
        if models and self._first:
            self._go_on(total(*models))
        self._first = False
        if models:
            # All models of the process: those of sub-agents, and a small one that helps.
            rest = increase(self._process, total(*models))
        else:
            rest = increase(self._turn, _figures(inner(value, "usage")))
        spent = count(value.get("total_cost_usd"))
        # Of another process; one that ends in an error may say none, or nothing.
        if 0 < spent < (1 - _ROUNDING) * self._cost:
            self._cost = 0.0
        told = self._told(rest | cost(max(0.0, spent - self._cost)))
        self._cost = max(self._cost, spent)
        self._turn = {}
        end = said(AgentEventKind.END, value.get("terminal_reason") or value.get("subtype"))
        if value.get("is_error") is True:
            reason = value.get("result") or value.get("errors") or value.get("subtype")
            return (*told, said(AgentEventKind.ERROR, reason), end)
        return (*told, end)


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
        case "task_started":
            return (_note("a background task began", value.get("description")),)
        case "task_notification":
            text = f"a background task is over ({value.get('status')})"
            return (_note(text, value.get("summary")),)
        case "compact_boundary":
            before = count(inner(value, "compact_metadata").get("pre_tokens"))
            return (_note("the conversation was compacted", f"{before:,.0f} tokens before"),)
    return () if value.get("subtype") in _SILENT_SYSTEM else None


def _note(text: str, more: object) -> AgentEvent:
    return said(AgentEventKind.NOTE, f"{text}: {clean(more)}" if more else text)


def _rate_limit(info: dict[str, Any]) -> tuple[AgentEvent, ...]:
    """A limit of the account: near, or met; it says when it begins anew."""
    resets = count(info.get("resetsAt"))
    text = f"rate limit ({clean(info.get('rateLimitType')) or 'of the account'})"
    if 0 < resets < _LAST_SECOND:
        text += f", begins anew at {datetime.fromtimestamp(resets, UTC):%Y-%m-%d %H:%M} UTC"
    match info.get("status"):
        case "rejected":
            return (said(AgentEventKind.ERROR, f"met the {text}"),)
        case "allowed_warning":
            return (said(AgentEventKind.NOTE, f"near the {text}"),)
    return ()


def _marked(value: dict[str, Any], events: tuple[AgentEvent, ...]) -> tuple[AgentEvent, ...]:
    return of_sub_agent(value.get("parent_tool_use_id"), events)


def _answer(value: dict[str, Any]) -> tuple[AgentEvent, ...]:
    says = AgentEventKind.ERROR if value.get("error") else AgentEventKind.MESSAGE
    events: list[AgentEvent] = []
    for block in objects(inner(value, "message").get("content")):
        match block.get("type"):
            case "text":
                events += spoken(says, block.get("text"))
            case "thinking":
                events += spoken(AgentEventKind.REASONING, block.get("thinking"))
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                events.append(tool_call(block.get("name"), block.get("input")))
            case "redacted_thinking":
                pass
            # Of tools that the model's server runs itself.
            case str(kind) if kind.endswith("_tool_result"):
                events.append(result(_joined(block.get("content"))))
            case _:
                events.append(said(AgentEventKind.UNKNOWN, block))
    return tuple(events)


def _results(value: dict[str, Any]) -> tuple[AgentEvent, ...]:
    """The results of tools; what else a user says here is our own prompt."""
    return tuple(
        result(_joined(block.get("content")), failed=block.get("is_error") is True)
        for block in objects(inner(value, "message").get("content"))
        if block.get("type") == "tool_result"
    )


def _joined(content: object) -> object:
    """The text of a result that comes in blocks."""
    if not isinstance(content, list):
        return content
    texts = [
        f"[tool {block.get('tool_name')}]"
        if block.get("type") == "tool_reference"
        else block.get("text") or block.get("title")
        for block in objects(content)
    ]
    return "\n".join(text for text in texts if isinstance(text, str))


def _figures(counts: dict[str, Any]) -> dict[str, float]:
    """Anthropic's input tokens leave out what the cache holds; the vocabulary's do not."""
    read = count(counts.get("cache_read_input_tokens"))
    written = count(counts.get("cache_creation_input_tokens"))
    whole = count(counts.get("input_tokens")) + read + written
    return tokens(whole, read, counts.get("output_tokens"))


def _model_figures(counts: dict[str, Any]) -> dict[str, float]:
    read = count(counts.get("cacheReadInputTokens"))
    whole = count(counts.get("inputTokens")) + read + count(counts.get("cacheCreationInputTokens"))
    return tokens(whole, read, counts.get("outputTokens"))


CLAUDE_CODE = Scaffold(
    entry=AgentEntry(
        id="claude-code",
        title="Claude Code (Anthropic)",
        backend="claude-code",
        needs_account=True,
        needs_network=True,
        program="claude",
        install="npm install -g @anthropic-ai/claude-code@2.1.332",
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
    tells_cost=True,
    login=(
        # Beside the login there may be tokens of other services (MCP servers).
        Wanted(".claude/.credentials.json", only("claudeAiOauth")),
        Wanted(".claude.json", only("oauthAccount", "userID", "hasCompletedOnboarding")),
    ),
    session_files=(".claude/projects/", ".claude/todos/", ".claude/shell-snapshots/"),
)
