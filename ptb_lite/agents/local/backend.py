"""The built-in agent for any OpenAI-compatible chat endpoint, run as a program of its own.

Ollama, llama.cpp, vLLM, LM Studio and OpenRouter serve one. Which one, and which model, the choice
`agent_model` says: `NAME@URL`, for instance `qwen3:8b@http://127.0.0.1:11434/v1`, or `NAME` alone
with the URL in PTB_LITE_ENDPOINT or OPENAI_BASE_URL (the first that is set). The key is that of
PTB_LITE_API_KEY. OPENAI_API_KEY is used only together with OPENAI_BASE_URL: a key for one server is
not shown to another that merely was named.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ptb_lite.agents.event_bounds import vocabulary_event
from ptb_lite.agents.start import HOME, AgentStart, Key
from ptb_lite.chat.address import address_problem
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import AgentEvent
from ptb_lite.installation import own_program

KEY_VARIABLE = "PTB_LITE_API_KEY"
ENDPOINT_VARIABLE = "PTB_LITE_ENDPOINT"
_HINT = (
    "Give --agent-model NAME@URL, for instance qwen3:8b@http://127.0.0.1:11434/v1, or NAME with "
    f"{ENDPOINT_VARIABLE} set"
)


class LocalBackend:
    def command(self, start: AgentStart) -> list[str]:
        return [
            *own_program("ptb_lite.agents.local.main"),
            *("--endpoint", start.endpoint or ""),
            *("--model", start.model or ""),
            # From the workspace on: a folder above it may be named for training, and what an agent
            # ends by such a word (`pkill -f train`) must not be itself.
            *("--session", f"{HOME}/local-session.json"),
            *(("--deadline", str(start.deadline)) if start.deadline is not None else ()),
        ]

    def resume(self, start: AgentStart, session_id: str) -> list[str]:
        return [*self.command(start), f"--resume={session_id}"]

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        return {KEY_VARIABLE: start.key.value} if start.key is not None else {}

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        event = vocabulary_event(line)
        return () if event is None else (event,)


def local_start(start: AgentStart, environment: Mapping[str, str]) -> AgentStart:
    """`start` with model, endpoint and key as the choice and the host's variables say.

    Raises PtbLiteError when the model or the endpoint is missing, or is no URL.
    """
    # A name may hold an @ of its own, so only what looks like a URL is taken for one.
    named = re.fullmatch(r"(.*?)@(https?:.*)", start.model or "")
    name, url = named.groups() if named else (start.model or "", "")
    key_variable = KEY_VARIABLE
    if not url:
        url = environment.get(ENDPOINT_VARIABLE, "")
    if not url:
        url = environment.get("OPENAI_BASE_URL", "")
        if not environment.get(KEY_VARIABLE):
            key_variable = "OPENAI_API_KEY"
    if not name:
        raise PtbLiteError("no model is chosen", field="agent_model", hint=_HINT)
    if not url:
        raise PtbLiteError("no endpoint is chosen", field="agent_model", hint=_HINT)
    _check(url)
    value = environment.get(key_variable, "")
    key = Key(key_variable, value) if value else None
    return replace(start, model=name, endpoint=url, key=key)


def _check(url: str) -> None:
    match address_problem(url):
        case "password":
            # The choice is written into spec.json; a secret does not belong there.
            raise PtbLiteError(
                "the endpoint's URL holds a password",
                field="agent_model",
                hint=f"Give the key in {KEY_VARIABLE}",
            )
        case "no URL":
            raise PtbLiteError(
                f"{url[:100]!r} is no URL of an endpoint", field="agent_model", hint=_HINT
            )
