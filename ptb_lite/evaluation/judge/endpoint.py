"""The judge's side of an OpenAI-compatible endpoint: patient, bounded, and shy with its key.

What comes back is untrusted. The key goes to the endpoint that was named and nowhere else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ptb_lite.chat.endpoint import (
    ChatEndpoint,
    Completion,
    NoAnswerError,
    RefusedError,
)
from ptb_lite.evaluation.errors import EvaluationStopped
from ptb_lite.evaluation.judge.choice import JudgeChoice

ATTEMPTS = 6
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
# Of what an endpoint asks to wait; a daily quota that comes back in hours is a failure.
LONGEST_ASKED_SECONDS = 600.0
MOST_ASKED_SECONDS = 3600.0
REPLY_SECONDS = 600.0
_SLICE_SECONDS = 0.1


class EndpointError(Exception):
    """No answer to this request. `hopeless`: nor to any other (the key, the model, the address)."""

    def __init__(self, message: str, *, hopeless: bool) -> None:
        super().__init__(message)
        self.hopeless = hopeless


@dataclass(frozen=True)
class Answer:
    """A model's text, the tokens that the endpoint counted (None: it did not), what was sent.

    `lacking` says what a text without a verdict may be short of."""

    text: str
    input_tokens: int | None
    output_tokens: int | None
    settings: Mapping[str, float]
    lacking: str = ""


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
        self._model = choice.model
        self._most = choice.answer_tokens
        self._should_stop = should_stop
        self._first_delay = first_delay
        self._reply_seconds = reply_seconds
        self._lock = threading.Lock()
        self._not_before = 0.0
        # Reasoning models of some hosts refuse these names or values; then they are changed once.
        self._settings: dict[str, float] = {"temperature": 0.0, "max_tokens": choice.answer_tokens}
        self._endpoint = ChatEndpoint(choice.endpoint, key=key, connections=choice.concurrency)

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._endpoint.close()

    def ask(self, messages: Sequence[Mapping[str, str]]) -> Answer:
        """The model's answer. Waits and asks again where that can help: `ATTEMPTS` times, but as
        often as the endpoint says how long to wait, for an hour in all.

        Raises EndpointError, and EvaluationStopped when `should_stop` says so.
        """
        problem, failed, asked = "", 0, 0.0
        while failed < ATTEMPTS and asked <= MOST_ASKED_SECONDS:
            self._wait_for_turn()
            settings = dict(self._settings)
            try:
                body = {"model": self._model, "messages": list(messages), **settings}
                return _answer(self._post(body), settings, self._most)
            except NoAnswerError as error:
                problem = str(error)
                if error.after is not None and error.after > LONGEST_ASKED_SECONDS:
                    raise EndpointError(
                        f"asked to wait {error.after:.0f} s: {problem}", hopeless=True
                    ) from error
                waits = isinstance(error, RefusedError) and error.waits
                if error.after is None and waits:
                    # A server that loads its model says so, and not for how long.
                    pause = min(self._first_delay * 2 ** min(failed, 5), LONGEST_DELAY_SECONDS)
                    asked += max(pause, 1.0)
                    self._everybody_waits(pause)
                elif error.after is None:
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
        self._check_stop()

    def _check_stop(self) -> None:
        if self._should_stop():
            raise EvaluationStopped("judging was stopped")

    def _sleep_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._check_stop()
            time.sleep(min(left, _SLICE_SECONDS))

    def _post(self, body: Mapping[str, Any]) -> Completion:
        seconds = self._reply_seconds
        try:
            return self._endpoint.complete(body, seconds=seconds, check=self._check_stop)
        except RefusedError as error:
            if error.passing:
                raise
            if error.status in (400, 422) and self._adapted(error.said, body):
                raise NoAnswerError(str(error), 0.0) from error
            # A question that is too long is that question's fault; an absent model is not.
            hopeless = error.status not in (400, 413, 422)
            what = "key" if error.of_key else "request"
            problem = f"the endpoint refuses the {what}: {error}"
            raise EndpointError(problem, hopeless=hopeless) from error

    def _adapted(self, said: str, body: Mapping[str, Any]) -> bool:
        """Whether the settings were changed, by this answer or since `body` was sent."""
        with self._lock:
            if "max_completion_tokens" in said and "max_tokens" in self._settings:
                self._settings["max_completion_tokens"] = self._settings.pop("max_tokens")
            elif "temperature" in said.lower() and "temperature" in self._settings:
                del self._settings["temperature"]
            return any(name in body and name not in self._settings for name in _SETTINGS)


_SETTINGS = ("temperature", "max_tokens")


def _answer(found: Completion, settings: Mapping[str, float], most: int) -> Answer:
    if not isinstance(found.message.get("content"), str | list | None):
        raise NoAnswerError("the answer is no chat completion: its content is no text")
    lacking = _lacking(found, most)
    return Answer(found.text(), found.input_tokens, found.output_tokens, settings, lacking)


def _lacking(found: Completion, most: int) -> str:
    """Why an answer of at most `most` tokens may hold no verdict; empty where it looks whole."""
    what = "only reasoning, no answer" if found.reasoning() else "an empty answer"
    if found.text().strip():
        what = "an answer"
    if found.finish == "length":
        if found.output_tokens is None or found.output_tokens >= most:
            return f"{what}, cut off at {most} tokens; --judge-answer-tokens allows more"
        return f"{what}, cut off by the server after {found.output_tokens} tokens"
    if found.finish not in ("", "stop"):
        return f"{what}, ended by the server: {found.finish}"
    return "" if found.text().strip() else what
