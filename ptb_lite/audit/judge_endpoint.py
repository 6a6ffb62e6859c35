"""A judge at an OpenAI-compatible endpoint, which is sent the evidence as one text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from ptb_lite.audit.asking import JudgeError, Question

MAX_REPLY_BYTES = 1 << 20


@dataclass(frozen=True)
class EndpointJudge:
    """`base_url` ends before `/chat/completions`; `seconds` is the time for one answer."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    seconds: float = 120.0
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
        return self._reply(body)

    def _reply(self, body: dict[str, Any]) -> str:
        import httpx2

        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        url = self.base_url.rstrip("/") + "/chat/completions"
        try:
            # No proxies and no redirects: the key goes to the endpoint that was named, only there.
            with (
                httpx2.Client(headers=headers, trust_env=False, timeout=self.seconds) as client,
                client.stream("POST", url, json=body) as response,
            ):
                if response.status_code != 200:
                    raise JudgeError(f"the endpoint answered {response.status_code}")
                raw = b""
                for piece in response.iter_bytes():
                    raw += piece
                    if len(raw) > MAX_REPLY_BYTES:
                        raise JudgeError("an answer of more than 1 MiB")
            found = json.loads(raw)["choices"][0]["message"]["content"]
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise JudgeError(f"the endpoint gave no answer ({type(error).__name__})") from error
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise JudgeError("an answer that is no chat completion") from error
        if not isinstance(found, str):
            raise JudgeError("an answer without text")
        return found
