"""A judge at an OpenAI-compatible endpoint, which is sent the evidence as one text."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from ptb_lite.audit.judge.asking import JudgeError, Question
from ptb_lite.chat.endpoint import ChatEndpoint, NoAnswerError, RefusedError
from ptb_lite.chat.patience import Patience, patiently

ATTEMPTS = 3
FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 30.0


@dataclass(frozen=True)
class EndpointJudge:
    """`base_url` ends before `/chat/completions`; `seconds` is the time for one vote, in
    which an endpoint that is too busy is asked again, after `first_delay` seconds at first."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    seconds: float = 120.0
    first_delay: float = FIRST_DELAY_SECONDS
    reads: Literal["text"] = "text"

    @property
    def name(self) -> str:
        return f"{self.model} at {self.base_url}"

    def ask(self, question: Question) -> str:
        body = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": question.task},
                {"role": "user", "content": question.evidence},
            ],
            "temperature": 0.7,
            "max_tokens": 2000,
        }
        end = time.monotonic() + self.seconds
        patience = Patience(ATTEMPTS, self.first_delay, LONGEST_DELAY_SECONDS, end)
        endpoint = ChatEndpoint(self.base_url, key=self.api_key)
        try:
            return patiently(lambda: _content(endpoint, body, end), patience)
        except NoAnswerError as error:
            raise JudgeError(str(error)) from error
        finally:
            endpoint.close()


def _content(endpoint: ChatEndpoint, body: dict[str, Any], end: float) -> str:
    """The text of one answer. Raises JudgeError where asking again would not help."""
    try:
        found = endpoint.complete(body, seconds=max(1.0, end - time.monotonic()))
    except NoAnswerError as error:
        if isinstance(error, RefusedError) and error.passing:
            raise
        raise JudgeError(str(error)) from error
    if text := found.text():
        return text
    if found.finish == "length":
        raise JudgeError(
            "an answer that was too long and was cut off in the middle of its reasoning"
        )
    raise JudgeError("an answer without text" + (", only reasoning" if found.reasoning() else ""))
