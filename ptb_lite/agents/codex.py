"""Codex, driven by `codex exec --json` (tested with 0.171.0).

Its counts are those of the whole thread, earlier processes included; a turn that fails has none.
Sub-agents are threads of their own: their last word is told, their tokens are not. Servers other
than its own it reaches only as a provider that speaks the Responses protocol. `-` stands for
standard input.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptb_lite.agents.json_lines import (
    increase,
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
from ptb_lite.agents.secrets.logins import Wanted
from ptb_lite.agents.start import AgentStart, in_home
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.events import AgentEvent, AgentEventKind

# `codex exec` takes a key from this variable alone without a login.
_KEY_VARIABLE = "CODEX_API_KEY"
_PROVIDER = "ptb-lite"
_SHELL = Path(__file__).with_name("codex_shell.sh")


class CodexBackend:
    def __init__(self) -> None:
        self._thread: dict[str, float] = {}
        self._thread_id: object = None

    def command(self, start: AgentStart) -> list[str]:
        self._thread, self._thread_id = {}, None
        return in_home([start.program, "exec", *_options(start), "-"])

    def resume(self, start: AgentStart, session_id: str) -> list[str]:
        return in_home([start.program, "exec", "resume", *_options(start), session_id, "-"])

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        environment = {"HOME": str(start.home), "BASH_ENV": str(_SHELL)}
        if start.key is not None:
            environment[_KEY_VARIABLE] = start.key.value
        return environment

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        return read_object(line, self._read)

    def _read(self, value: dict[str, Any]) -> tuple[AgentEvent, ...] | None:
        match value.get("type"):
            case "thread.started":
                if value.get("thread_id") != self._thread_id:
                    self._thread_id, self._thread = value.get("thread_id"), {}
                return (session(self._thread_id),)
            case "turn.started":
                return ()
            case "item.started":
                return _started(inner(value, "item"))
            case "item.updated":
                return ()
            case "item.completed":
                return _completed(inner(value, "item"))
            case "turn.completed":
                return (*self._usage(value), said(AgentEventKind.END, "completed"))
            case "turn.failed":
                reason = inner(value, "error").get("message")
                return (
                    said(AgentEventKind.ERROR, reason),
                    uncounted(said(AgentEventKind.END, "failed")),
                )
            case "error":
                return (said(AgentEventKind.ERROR, value.get("message")),)
        return None

    def _usage(self, value: dict[str, Any]) -> tuple[AgentEvent, ...]:
        counts = inner(value, "usage")
        names = ("input_tokens", "cached_input_tokens", "output_tokens")
        now = tokens(*map(counts.get, names))
        # Counts of a thread only grow: fewer are those of another that has no id.
        if any(now[name] < before for name, before in self._thread.items()):
            self._thread = {}
        grown = increase(self._thread, now)
        self._thread = now
        return usage(grown)


def _options(start: AgentStart) -> list[str]:
    options = [
        "--json",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
        # A login shell sets a PATH of its own, without this project's commands.
        *("-c", "allow_login_shell=false"),
        # A command that takes longer than 10 to 30 s goes on by itself; this is how long the model
        # may wait for it at once, five minutes by itself. Source: its configuration reference and
        # the descriptions of its tools. (`tool_timeout_sec` is for the tools of MCP servers.)
        *("-c", "background_terminal_max_timeout=36000000"),
        *(("-m", start.model) if start.model else ()),
    ]
    if start.endpoint is not None:
        provider = f"model_providers.{_PROVIDER}"
        settings = {
            "model_provider": _PROVIDER,
            f"{provider}.name": _PROVIDER,
            f"{provider}.base_url": start.endpoint,
            f"{provider}.env_key": _KEY_VARIABLE,
            f"{provider}.wire_api": "responses",
        }
        # The values are TOML, whose basic strings JSON's are.
        for name, value in settings.items():
            options += ["-c", f"{name}={json.dumps(value, ensure_ascii=False)}"]
    return options


def _started(item: dict[str, Any]) -> tuple[AgentEvent, ...]:
    match item.get("type"):
        case "command_execution":
            return (tool_call("shell", {"command": item.get("command")}),)
        case "mcp_tool_call":
            return (tool_call(item.get("tool"), item.get("arguments")),)
    # Everything else is told whole when it is complete.
    return ()


def _completed(item: dict[str, Any]) -> tuple[AgentEvent, ...]:
    match item.get("type"):
        case "agent_message":
            return spoken(AgentEventKind.MESSAGE, item.get("text"))
        case "reasoning":
            return spoken(AgentEventKind.REASONING, item.get("text"))
        case "command_execution":
            return (said(AgentEventKind.TOOL_RESULT, _output(item), "shell"),)
        case "mcp_tool_call":
            came = item.get("result") or item.get("error")
            return (result(came, item.get("tool"), failed=item.get("status") == "failed"),)
        case "collab_tool_call":
            return _sub_agents(item)
        case "file_change":
            call = said(AgentEventKind.TOOL_CALL, item.get("changes"), "file_change")
            failed = item.get("status") == "failed"
            return (call, result("", "file_change", failed=True)) if failed else (call,)
        case "web_search":
            return (said(AgentEventKind.TOOL_CALL, item.get("query"), "web_search"),)
        case "todo_list":
            return (said(AgentEventKind.TOOL_CALL, item.get("items"), "todo_list"),)
        case "error":
            return (said(AgentEventKind.ERROR, item.get("message")),)
    return (said(AgentEventKind.UNKNOWN, item),)


def _sub_agents(item: dict[str, Any]) -> tuple[AgentEvent, ...]:
    """Sub-agents are begun, asked and awaited by such a call; only their last word is told."""
    call = tool_call(item.get("tool"), item.get("prompt"))
    states = inner(item, "agents_states")
    said_last = [
        of_sub_agent(name, spoken(AgentEventKind.MESSAGE, inner(states, name).get("message")))
        for name in states
    ]
    return (uncounted(call), *(event for each in said_last for event in each))


def _output(item: dict[str, Any]) -> str:
    """What a command printed, with the exit code of one that failed."""
    output, code = item.get("aggregated_output"), item.get("exit_code")
    text = output if isinstance(output, str) else ""
    return text if code in (0, None) else f"[exit code {code}] {text}"


CODEX = Scaffold(
    entry=AgentEntry(
        id="codex",
        title="Codex (OpenAI)",
        backend="codex",
        needs_account=True,
        needs_network=True,
        program="codex",
        install="npm install -g @openai/codex@0.171.0",
        keys=("CODEX_API_KEY", "OPENAI_API_KEY"),
        endpoint="api.openai.com",
        login_endpoints=("chatgpt.com", "auth.openai.com"),
        endpoint_variable="OPENAI_BASE_URL",
        on_early_stop="reprompt",
        position=21,
        summary="Driven by `codex exec`. A server of one's own must speak OpenAI's Responses "
        "protocol.",
    ),
    backend=CodexBackend,
    login=(Wanted(".codex/auth.json"),),
    session_files=(".codex/sessions/", ".codex/history.jsonl"),
    # It unpacks skills of its own there at its start, one of which calls its maker's API.
    program_files=(".codex/skills/.system/",),
)
