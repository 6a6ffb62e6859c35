"""The judge's side of an OpenAI-compatible endpoint: patient, bounded, and shy with its key.

What comes back is untrusted. The key goes to the endpoint that was named and nowhere else.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from ptb_lite.evaluation.errors import EvaluationStopped
from ptb_lite.evaluation.judge.choice import JudgeChoice

MAX_REPLY_BYTES = 8 << 20
ATTEMPTS = 6
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
# Of what an endpoint asks to wait; a daily quota that comes back in hours is a failure.
LONGEST_ASKED_SECONDS = 600.0
MOST_ASKED_SECONDS = 3600.0
REPLY_SECONDS = 600.0
_AGAIN = {408, 409, 425, 429}
_SLICE_SECONDS = 0.1


class EndpointError(Exception):
    """No answer to this request. `hopeless`: nor to any other (the key, the model, the address)."""

    def __init__(self, message: str, *, hopeless: bool) -> None:
        super().__init__(message)
        self.hopeless = hopeless


class _TryAgainError(Exception):
    """`after` is what the endpoint asked to wait, in seconds, None when it did not say."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


@dataclass(frozen=True)
class Answer:
    """A model's text, the tokens that the endpoint counted (None: it did not), what was sent."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    settings: Mapping[str, float]


class Endpoint:
    """One model at one endpoint, for many threads.

    When the endpoint asks one request to wait (429, Retry-After), all wait. `first_delay` is the
    first pause in seconds; each later one is twice as long.
    """

    def __init__(
        self,
        choice: JudgeChoice,
        key: str = "",
        *,
        should_stop: Callable[[], bool] = lambda: False,
        first_delay: float = FIRST_DELAY_SECONDS,
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        self._url = choice.endpoint.rstrip("/") + "/chat/completions"
        self._model = choice.model
        self._key = key
        self._should_stop = should_stop
        self._first_delay = first_delay
        self._reply_seconds = reply_seconds
        self._lock = threading.Lock()
        self._not_before = 0.0
        # Reasoning models of some hosts refuse these names or values; then they are changed once.
        self._settings: dict[str, float] = {"temperature": 0.0, "max_tokens": choice.answer_tokens}
        self._sound_key = key.isascii() and key.isprintable()
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key and self._sound_key else {},
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(max_connections=choice.concurrency),
        )

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, messages: Sequence[Mapping[str, str]]) -> Answer:
        """The model's answer. Waits and asks again where that can help: `ATTEMPTS` times, but as
        often as the endpoint says how long to wait, for an hour in all.

        Raises EndpointError, and EvaluationStopped when `should_stop` says so.
        """
        if not self._sound_key:
            raise EndpointError("the key holds characters that no request can", hopeless=True)
        problem, failed, asked = "", 0, 0.0
        while failed < ATTEMPTS and asked <= MOST_ASKED_SECONDS:
            self._wait_for_turn()
            settings = dict(self._settings)
            try:
                body = self._post({"model": self._model, "messages": list(messages), **settings})
                return _read(body, settings)
            except _TryAgainError as error:
                problem = self._masked(str(error))
                if error.after is not None and error.after > LONGEST_ASKED_SECONDS:
                    raise EndpointError(
                        f"asked to wait {error.after:.0f} s: {problem}", hopeless=True
                    ) from error
                if error.after is None:
                    pause = min(self._first_delay * 2**failed, LONGEST_DELAY_SECONDS)
                    failed += 1
                    self._sleep_until(time.monotonic() + pause)
                else:
                    # At least a little, so that an endpoint that says 0 is not asked without end.
                    asked += max(error.after, 1.0)
                    self._everybody_waits(error.after)
        raise EndpointError(f"no answer, asked again and again: {problem}", hopeless=False)

    def _everybody_waits(self, seconds: float) -> None:
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _wait_for_turn(self) -> None:
        while (until := self._not_before) > time.monotonic():
            self._sleep_until(until)
        if self._should_stop():
            raise EvaluationStopped("judging was stopped")

    def _sleep_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            if self._should_stop():
                raise EvaluationStopped("judging was stopped")
            time.sleep(min(left, _SLICE_SECONDS))

    def _post(self, body: Mapping[str, Any]) -> bytes:
        timeout = httpx2.Timeout(connect=10.0, read=self._reply_seconds, write=60.0, pool=None)
        end = time.monotonic() + self._reply_seconds
        answer = bytearray()
        try:
            with self._client.stream("POST", self._url, json=body, timeout=timeout) as response:
                for chunk in response.iter_bytes():
                    answer += chunk
                    if len(answer) > MAX_REPLY_BYTES:
                        raise _TryAgainError("the answer is over 8 MiB")
                    if time.monotonic() > end:
                        raise _TryAgainError("the answer does not come to its end")
                    if self._should_stop():
                        raise EvaluationStopped("judging was stopped")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            detail = f"{type(error).__name__}: {error}"[:300]
            raise _TryAgainError(f"the endpoint cannot be reached: {detail}") from error
        if response.status_code != 200:
            self._refuse(response, bytes(answer), body)
        return bytes(answer)

    def _refuse(self, response: httpx2.Response, answer: bytes, body: Mapping[str, Any]) -> None:
        code = response.status_code
        said = answer[:500].decode("utf-8", errors="replace")
        text = self._masked(f"HTTP {code}: {said}")
        if code in _AGAIN or code >= 500:
            raise _TryAgainError(text, retry_after(response.headers.get("retry-after")))
        if code in (400, 422) and self._adapted(said, body):
            raise _TryAgainError(text, 0.0)
        if code in (401, 403):
            raise EndpointError(f"the endpoint refuses the key: {text}", hopeless=True)
        # A question that is too long is that question's fault; a model that is not there is not.
        raise EndpointError(
            f"the endpoint refuses the request: {text}", hopeless=code not in (400, 413, 422)
        )

    def _adapted(self, said: str, body: Mapping[str, Any]) -> bool:
        """Whether the settings were changed, by this answer or since `body` was sent."""
        with self._lock:
            if "max_completion_tokens" in said and "max_tokens" in self._settings:
                self._settings["max_completion_tokens"] = self._settings.pop("max_tokens")
            elif "temperature" in said.lower() and "temperature" in self._settings:
                del self._settings["temperature"]
            return any(name in body and name not in self._settings for name in _SETTINGS)

    def _masked(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


_SETTINGS = ("temperature", "max_tokens")


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


def _read(body: bytes, settings: Mapping[str, float]) -> Answer:
    try:
        value = json.loads(body)
        content = value["choices"][0]["message"]["content"]
        if not isinstance(content, str | None):
            raise TypeError("the content is no text")
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        shown = body[:100].decode("utf-8", errors="replace")
        raise _TryAgainError(f"the answer is no chat completion: {shown!r}") from error
    usage = value.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    # JSON can say halves of surrogate pairs, UTF-8 cannot.
    text = (content or "").encode("utf-8", errors="replace").decode("utf-8")
    return Answer(
        text, _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), settings
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 2**40 else None
