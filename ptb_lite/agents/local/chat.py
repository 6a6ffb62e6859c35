"""The local agent's side of an OpenAI-compatible chat endpoint; what comes back is untrusted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ptb_lite.chat.endpoint import (
    ChatEndpoint,
    Completion,
    NoAnswerError,
    RefusedError,
)
from ptb_lite.chat.patience import Patience, patiently

MAX_CALLS = 16
ATTEMPTS = 8
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
# A large model on a CPU may think for minutes before its whole answer comes.
REPLY_SECONDS = 1800.0
_TOO_LONG = re.compile(r"context|too long|too many tokens|maximum.{0,20}(length|tokens)", re.I)

_UNKNOWN = re.compile(
    r"reasoning|thinking|extra (inputs|fields)|extra_forbidden|unknown (field|name|parameter)"
    r"|unrecogni[sz]ed|additional propert|not (permitted|supported|allowed)", re.I
)  # fmt: skip

BASH_TOOL: Mapping[str, Any] = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a command in bash, in the working folder. Each has a shell of its own.",
        "parameters": {
            "type": "object",
            "properties": {
                "command": {"type": "string"},
                "timeout_seconds": {
                    "type": "number",
                    "description": "The command is killed after so long; 600 when left out.",
                },
            },
            "required": ["command"],
        },
    },
}

_FIELDS = ("role", "content", "tool_calls", "tool_call_id", "name")

ChatProblem = Literal[
    "authentication", "no tools", "too long", "unknown field", "refused", "unreachable"
]


class ChatError(Exception):
    """The endpoint gives no answer to this request, and asking again would not help."""

    def __init__(self, problem: ChatProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True)
class Call:
    """One tool call as the model wrote it; `arguments` may be anything. `raw` is what came, with
    the id and type that an answer needs."""

    id: str
    name: str
    arguments: str
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """`raw` is the message as it came, which a server may need back as it was: thoughts, signatures
    of tool calls, fields nobody here knows. `finish` is the server's reason for the end."""

    text: str
    reasoning: str
    calls: tuple[Call, ...]
    input_tokens: int
    output_tokens: int
    finish: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)

    def message(self) -> dict[str, Any]:
        """The reply as a message of the conversation: as it came, less calls nobody can answer."""
        message = {**self.raw, "role": "assistant"}
        message.pop("tool_calls", None)
        if not self.calls:
            return {**message, "content": self.raw.get("content") or ""}
        # An empty text beside calls is refused by some servers.
        message["content"] = self.raw.get("content") or None
        message["tool_calls"] = [call.raw for call in self.calls]
        return message


def plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message with the fields of the interface alone, for servers that refuse all others."""
    kept = {name: message[name] for name in _FIELDS if name in message}
    if calls := kept.get("tool_calls"):
        kept["tool_calls"] = [
            {"id": call["id"], "type": "function", "function": {
                name: call["function"].get(name) for name in ("name", "arguments")
            }}
            for call in calls
        ]  # fmt: skip
    return kept


class ChatClient:
    """Asks one model at one endpoint, until `deadline` (a moment of `time.monotonic`). `say` is
    told of attempts that failed.

    `proxy` is the sandbox's way out, None where there is none or the endpoint needs none.
    """

    def __init__(
        self,
        endpoint: str,
        model: str,
        *,
        key: str = "",
        deadline: float,
        say: Callable[[str], None],
        first_delay: float = FIRST_DELAY_SECONDS,
        proxy: str | None = None,
    ) -> None:
        self._model = model
        self._deadline = deadline
        self._say = say
        self._first_delay = first_delay
        self._endpoint = ChatEndpoint(endpoint, key=key, proxy=proxy)

    def ask(self, messages: Sequence[Mapping[str, Any]], *, tools: bool) -> Reply:
        """The model's next message. Waits and asks again when that can help.

        Raises ChatError when it cannot, when it did not `ATTEMPTS` times, or when the time is over.
        """
        body: dict[str, Any] = {"model": self._model, "messages": list(messages)}
        if tools:
            body["tools"] = [BASH_TOOL]
        extra = any(set(message) - set(_FIELDS) for message in messages)
        patience = Patience(ATTEMPTS, self._first_delay, LONGEST_DELAY_SECONDS, self._deadline)
        try:
            return patiently(
                lambda: self._once(body, tools=tools, extra=extra), patience, say=self._say
            )
        except NoAnswerError as error:
            raise ChatError("unreachable", f"no answer from the model: {error}") from error

    def _once(self, body: Mapping[str, Any], *, tools: bool, extra: bool) -> Reply:
        left = max(1.0, min(REPLY_SECONDS, self._deadline - time.monotonic()))
        try:
            return reply_of(self._endpoint.complete(body, seconds=left))
        except RefusedError as error:
            _give_up(error, tools=tools, extra=extra)
            raise


def _give_up(error: RefusedError, *, tools: bool, extra: bool) -> None:
    """Raises ChatError where asking again would not help; `extra`: messages hold fields of the
    server's own."""
    if error.of_key:
        raise ChatError("authentication", f"the endpoint refuses the key: {error}") from error
    if extra and error.status in (400, 422) and _UNKNOWN.search(error.said):
        raise ChatError("unknown field", str(error)) from error
    # llama.cpp says 500 to tools without --jinja, OpenRouter 404, Ollama 400.
    if tools and not error.busy and "tool" in error.said.lower():
        raise ChatError("no tools", str(error)) from error
    if error.status == 413 or (error.status in (400, 422, 500) and _TOO_LONG.search(error.said)):
        raise ChatError("too long", str(error)) from error
    if not error.passing:
        raise ChatError("refused", f"the endpoint refuses the request: {error}") from error


def reply_of(found: Completion) -> Reply:
    """The reply that a completion holds, whatever its message is made of."""
    calls = found.message.get("tool_calls")
    made = [_call(call, n) for n, call in enumerate(calls if isinstance(calls, list) else [])]
    return Reply(
        text=found.text(),
        reasoning=found.reasoning(),
        calls=tuple(call for call in made if call is not None)[:MAX_CALLS],
        input_tokens=found.input_tokens or 0,
        output_tokens=found.output_tokens or 0,
        finish=found.finish,
        raw=found.message,
    )


def _call(value: object, number: int) -> Call | None:
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(function, dict):
        return None
    arguments = function.get("arguments")
    name = str(value.get("id") or f"call-{number}")
    return Call(
        id=name,
        name=str(function.get("name"))[:100],
        # Some servers give an object where the interface says a string of JSON.
        arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
        raw={**value, "id": name, "type": value.get("type") or "function"},
    )
