"""The local agent's side of an OpenAI-compatible chat endpoint; what comes back is untrusted."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx2

MAX_REPLY_BYTES = 8 << 20
MAX_CALLS = 16
ATTEMPTS = 8
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0
# A large model on a processor may think for minutes before its whole answer comes.
REPLY_SECONDS = 1800.0
_AGAIN = {408, 409, 425, 429}
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


class _TryAgainError(Exception):
    """`after` is what the endpoint asked to wait, in seconds, None when it did not say."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


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
        self._url = endpoint.rstrip("/") + "/chat/completions"
        self._model = model
        self._key = key
        self._deadline = deadline
        self._say = say
        self._first_delay = first_delay
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        # No redirects: the key goes to the endpoint that was named, only there.
        self._client = httpx2.Client(
            headers=headers, trust_env=False, follow_redirects=False, proxy=proxy
        )

    def ask(self, messages: Sequence[Mapping[str, Any]], *, tools: bool) -> Reply:
        """The model's next message. Waits and asks again when that can help.

        Raises ChatError when it cannot, when it did not `ATTEMPTS` times, or when the time is over.
        """
        body: dict[str, Any] = {"model": self._model, "messages": list(messages)}
        if tools:
            body["tools"] = [BASH_TOOL]
        problem = ""
        for attempt in range(ATTEMPTS):
            try:
                return read_reply(self._post(body, tools=tools))
            except _TryAgainError as error:
                problem = self._masked(str(error))
                delay = min(self._first_delay * 2**attempt, LONGEST_DELAY_SECONDS)
                if error.after is not None:
                    delay = min(error.after, LONGEST_DELAY_SECONDS)
            self._say(f"{problem} (attempt {attempt + 1} of {ATTEMPTS})")
            if attempt + 1 == ATTEMPTS or time.time() + delay > self._deadline:
                break
            time.sleep(delay)
        raise ChatError("unreachable", f"no answer from the model: {problem}")

    def _post(self, body: Mapping[str, Any], *, tools: bool) -> bytes:
        left = max(1.0, min(REPLY_SECONDS, self._deadline - time.time()))
        limits = httpx2.Timeout(connect=10.0, read=left, write=60.0, pool=10.0)
        end = time.monotonic() + left
        answer = b""
        try:
            with self._client.stream("POST", self._url, json=body, timeout=limits) as response:
                for chunk in response.iter_bytes():
                    answer += chunk
                    if len(answer) > MAX_REPLY_BYTES:
                        raise _TryAgainError("the answer is over 8 MiB")
                    if time.monotonic() > end:
                        raise _TryAgainError("the answer does not come to its end")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            detail = f"{type(error).__name__}: {error}"[:300]
            raise _TryAgainError(f"the endpoint cannot be reached: {detail}") from error
        if response.status_code != 200:
            self._refuse(response, answer, tools=tools)
        return answer

    def _refuse(self, response: httpx2.Response, answer: bytes, *, tools: bool) -> None:
        code = response.status_code
        said = answer[:500].decode("utf-8", errors="replace")
        text = self._masked(f"HTTP {code}: {said}")
        if code in (401, 403):
            raise ChatError("authentication", f"the endpoint refuses the key: {text}")
        # llama.cpp says 500 to tools without --jinja, OpenRouter 404, Ollama 400.
        if tools and code not in _AGAIN and "tool" in said.lower():
            raise ChatError("no tools", text)
        if code == 413 or (code in (400, 422) and _TOO_LONG.search(said)):
            raise ChatError("too long", text)
        if code in _AGAIN or code >= 500:
            raise _TryAgainError(text, _retry_after(response.headers.get("retry-after")))
        raise ChatError("refused", f"the endpoint refuses the request: {text}")

    def _masked(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def read_reply(answer: bytes) -> Reply:
    """The reply in a response's body; raises _TryAgainError when there is none."""
    try:
        value = json.loads(answer)
        message = value["choices"][0]["message"]
        if not isinstance(message, dict):
            raise TypeError("the message is no object")
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        shown = answer[:100].decode("utf-8", errors="replace")
        raise _TryAgainError(f"the answer is no chat completion: {shown!r}") from error
    usage = value.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    calls = message.get("tool_calls")
    found = [_call(call, n) for n, call in enumerate(calls if isinstance(calls, list) else [])]
    return Reply(
        text=_text(message.get("content")),
        reasoning=_text(message.get("reasoning_content") or message.get("reasoning")),
        calls=tuple(call for call in found if call is not None)[:MAX_CALLS],
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
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


def clean(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON can say and UTF-8 cannot."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value < 2**53 else 0


def _retry_after(value: str | None) -> float | None:
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if seconds >= 0 else None
