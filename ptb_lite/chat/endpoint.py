"""One model at an OpenAI-compatible endpoint: a request out, a bounded answer back.

What comes back is untrusted. The key goes to the endpoint that was named and nowhere else: no
redirect is followed, no proxy of the environment used. How often to ask is the caller's.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from ptb_lite.chat.event_stream import is_stream, read_stream
from ptb_lite.chat.masking import mask_text

MAX_REPLY_BYTES = 8 << 20
_BUSY = {408, 409, 425, 429}
_SHOWN = 500
_SHOWN_BODY = 100


class NoAnswerError(Exception):
    """No answer this time. `after` is what the endpoint asked to wait, in seconds, None when it did
    not say."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RefusedError(NoAnswerError):
    """The endpoint answered with another HTTP `status` than 200; `said` is how the body begins.

    `passing`: the same request may do better later, `waits`: as soon as the server has got ready.
    `of_key`: it is the key that does not do.
    """

    def __init__(self, status: int, said: str, after: float | None = None) -> None:
        super().__init__(f"HTTP {status}: {said}" if status else said, after)
        self.status = status
        self.said = said
        self.busy = status in _BUSY
        self.passing = self.busy or status >= 500
        # A server that loads its model, or has no room in its queue, will answer.
        self.waits = status in (429, 503)
        self.of_key = status in (0, 401, 403)


@dataclass(frozen=True)
class Completion:
    """The first choice's message, and the tokens that were counted (None: were not).

    `message` is as it came, less the key and what UTF-8 and JSON cannot say. `finish` is why it
    ends: `stop`, `tool_calls`, `length` or another word of the server; empty where it says none.
    """

    message: Mapping[str, Any]
    input_tokens: int | None
    output_tokens: int | None
    finish: str = ""

    def text(self) -> str:
        """The message's content, which may be a list of parts."""
        content = self.message.get("content")
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, dict)]
            return "".join(part for part in parts if isinstance(part, str))
        return content if isinstance(content, str) else ""

    def reasoning(self) -> str:
        """What a server tells apart from the content as thinking."""
        said = self.message.get("reasoning_content") or self.message.get("reasoning")
        return said if isinstance(said, str) else ""


class ChatEndpoint:
    """For many threads. `base_url` ends before `/chat/completions`; `proxy` is the one way out of a
    sandbox, `connections` how many there may be at a time (None: as many as it takes)."""

    def __init__(
        self,
        base_url: str,
        *,
        key: str = "",
        proxy: str | None = None,
        connections: int | None = None,
    ) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._key = key
        self._sound = key.isascii() and key.isprintable()
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key and self._sound else {},
            trust_env=False,
            follow_redirects=False,
            proxy=proxy,
            limits=httpx2.Limits(max_connections=connections),
        )

    def close(self) -> None:
        self._client.close()

    def complete(
        self,
        body: Mapping[str, Any],
        *,
        seconds: float,
        check: Callable[[], None] = lambda: None,
    ) -> Completion:
        """The completion that one request gets, `seconds` after it at the latest.

        `check` is called with every piece of the answer and may raise. Raises NoAnswerError, of
        which RefusedError; the key stands in neither.
        """
        if not self._sound:
            raise RefusedError(0, "the key holds characters that no request can")
        # A connection of the pool is waited for as long as it takes: others hold it.
        limits = httpx2.Timeout(connect=10.0, read=seconds, write=60.0, pool=None)
        end = time.monotonic() + seconds
        answer = bytearray()
        try:
            with self._client.stream("POST", self._url, json=body, timeout=limits) as response:
                for piece in response.iter_bytes():
                    answer += piece
                    if len(answer) > MAX_REPLY_BYTES:
                        raise NoAnswerError("the answer is over 8 MiB")
                    if time.monotonic() > end:
                        raise NoAnswerError("the answer does not come to its end")
                    check()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            detail = self._masked(f"{type(error).__name__}: {error}")[:300]
            raise NoAnswerError(f"the endpoint cannot be reached: {detail}") from error
        if response.status_code != 200:
            said = _readable(bytes(answer), self._masked)[:_SHOWN]
            after = retry_after(response.headers.get("retry-after"))
            raise RefusedError(response.status_code, said, after)
        return read_completion(bytes(answer), self._masked)

    def _masked(self, text: str) -> str:
        return mask_text(text, (self._key,))


def clean(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON can say and UTF-8 cannot."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def read_completion(body: bytes, masked: Callable[[str], str] = clean) -> Completion:
    """The completion in a response's body, whose texts `masked` has passed before any is cut.

    A stream of events is put together, although none was asked for. Raises NoAnswerError when there
    is no completion, of which RefusedError when it holds an error instead.
    """
    try:
        value = read_stream(body) if is_stream(body) else json.loads(body)
        if isinstance(value, dict) and (error := _error_in(value)) is not None:
            code, said = error
            raise RefusedError(code, masked(said)[:_SHOWN])
        choice = value["choices"][0]
        message = _sound(choice["message"], masked)
        if not isinstance(message, dict):
            raise TypeError("the message is no object")
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        shown = _readable(body, masked)[:_SHOWN_BODY]
        raise NoAnswerError(f"the answer is no chat completion: {shown!r}") from error
    usage = value.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Completion(
        message,
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        str(choice.get("finish_reason") or "")[:40],
    )


def _readable(body: bytes, masked: Callable[[str], str]) -> str:
    """A body as it is shown. JSON can spell a key in many ways, so that it is read before."""
    try:
        return json.dumps(_sound(json.loads(body), masked), ensure_ascii=False)
    except (ValueError, RecursionError):
        return masked(body.decode("utf-8", errors="replace"))


def _error_in(value: dict[str, Any]) -> tuple[int, str] | None:
    """The status and text of an error that came with HTTP 200; 500 where it names no status."""
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    error = value.get("error") or (first.get("error") if isinstance(first, dict) else None)
    if not error:
        return None
    inner = error if isinstance(error, dict) else {"message": error}
    said = inner.get("message") or json.dumps(error)
    code = inner.get("code") or inner.get("status")
    known = isinstance(code, int | str) and str(code).isdigit() and 400 <= int(code) < 600
    return (int(code) if known else 500), str(said)  # type: ignore[arg-type]


def _sound(value: Any, masked: Callable[[str], str]) -> Any:
    """`value` without secrets, halves of surrogate pairs and numbers that JSON does not have."""
    if isinstance(value, str):
        return clean(masked(value))
    if isinstance(value, dict):
        return {clean(masked(key)): _sound(one, masked) for key, one in value.items()}
    if isinstance(value, list):
        return [_sound(one, masked) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait of a Retry-After header: a number or a date (RFC 9110, 10.2.3); else None."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    return seconds if 0 <= seconds < float("inf") else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**40 else None
