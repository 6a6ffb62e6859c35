"""The local agent's side of an OpenAI-compatible chat endpoint; what comes back is untrusted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ptb_lite.chat.endpoint import (
    ChatEndpoint,
    Completion,
    NoAnswerError,
    RefusedError,
    clean,
)
from ptb_lite.chat.patience import Patience, patiently

MAX_CALLS = 16
ATTEMPTS = 8
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
# A large model on a processor may think for minutes before its whole answer comes.
REPLY_SECONDS = 1800.0
_TOO_LONG = re.compile(r"context|too long|too many tokens|maximum.{0,20}(length|tokens)", re.I)

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

ChatProblem = Literal["authentication", "no tools", "too long", "refused", "unreachable"]


class ChatError(Exception):
    """The endpoint gives no answer to this request, and asking again would not help."""

    def __init__(self, problem: ChatProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


@dataclass(frozen=True)
class Call:
    """One tool call as the model wrote it; `arguments` may be anything."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    text: str
    reasoning: str
    calls: tuple[Call, ...]
    input_tokens: int
    output_tokens: int

    def message(self) -> dict[str, Any]:
        """The reply as a message of the conversation, rebuilt from what was understood."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in self.calls
            ]
        return message


class ChatClient:
    """Asks one model at one endpoint. `say` is told of every attempt that failed.

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
        patience = Patience(ATTEMPTS, self._first_delay, LONGEST_DELAY_SECONDS, self._deadline)
        try:
            return patiently(lambda: self._once(body, tools=tools), patience, say=self._say)
        except NoAnswerError as error:
            raise ChatError("unreachable", f"no answer from the model: {error}") from error

    def _once(self, body: Mapping[str, Any], *, tools: bool) -> Reply:
        left = max(1.0, min(REPLY_SECONDS, self._deadline - time.time()))
        try:
            return reply_of(self._endpoint.complete(body, seconds=left))
        except RefusedError as error:
            _give_up(error, tools=tools)
            raise


def _give_up(error: RefusedError, *, tools: bool) -> None:
    """Raises ChatError where asking again would not help."""
    if error.of_key:
        raise ChatError("authentication", f"the endpoint refuses the key: {error}") from error
    # llama.cpp says 500 to tools without --jinja, OpenRouter 404, Ollama 400.
    if tools and not error.busy and "tool" in error.said.lower():
        raise ChatError("no tools", str(error)) from error
    if error.status == 413 or (error.status in (400, 422) and _TOO_LONG.search(error.said)):
        raise ChatError("too long", str(error)) from error
    if not error.passing:
        raise ChatError("refused", f"the endpoint refuses the request: {error}") from error


def reply_of(found: Completion) -> Reply:
    """The reply that a completion holds, whatever its message is made of."""
    message = found.message
    calls = message.get("tool_calls")
    made = [_call(call, n) for n, call in enumerate(calls if isinstance(calls, list) else [])]
    return Reply(
        text=_text(message.get("content")),
        reasoning=_text(message.get("reasoning_content") or message.get("reasoning")),
        calls=tuple(call for call in made if call is not None)[:MAX_CALLS],
        input_tokens=found.input_tokens or 0,
        output_tokens=found.output_tokens or 0,
    )


def _call(value: object, number: int) -> Call | None:
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(function, dict):
        return None
    arguments = function.get("arguments")
    return Call(
        id=clean(str(value.get("id") or f"call-{number}"))[:200],
        name=clean(str(function.get("name")))[:100],
        # Some servers give an object where the interface says a string of JSON.
        arguments=clean(arguments) if isinstance(arguments, str) else json.dumps(arguments),
    )


def _text(content: object) -> str:
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return clean("".join(part for part in parts if isinstance(part, str)))
    return clean(content) if isinstance(content, str) else ""
