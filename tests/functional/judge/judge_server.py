"""A judge on loopback that answers as a function says, and counts what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKENS_IN, TOKENS_OUT = 100, 10


@dataclass(frozen=True)
class Reply:
    """What one request is answered with, after `delay` seconds."""

    text: str = ""
    status: int = 200
    delay: float = 0.0
    retry_after: str | None = None
    usage: bool = True
    raw: bytes | None = None
    message: dict[str, Any] | None = None
    finish: str | None = None

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": self.text}}).encode()
        message = {"content": self.text} if self.message is None else self.message
        value: dict[str, Any] = {"choices": [{"message": message, "finish_reason": self.finish}]}
        if self.usage:
            value["usage"] = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT}
        return json.dumps(value).encode()


@dataclass
class StubJudge:
    """`asked` counts requests by the text of their first message, `bodies` are all of them."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, body: dict[str, Any], key: str) -> int:
        """How often this question was asked, with this time."""
        with self._lock:
            question = body["messages"][0]["content"]
            self.asked[question] += 1
            self.bodies.append(body)
            self.keys.append(key)
            self.times.append(time.monotonic())
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return self.asked[question]

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    @property
    def total(self) -> int:
        return sum(self.asked.values())


Answers = Callable[[dict[str, Any], int], Reply]


@contextmanager
def judge_server(answers: Answers) -> Iterator[StubJudge]:
    """`answers` gets the request and how often its question was asked by then, from 1."""
    stub = StubJudge()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert self.path == "/v1/chat/completions"
            reply = answers(body, stub.enter(body, self.headers.get("authorization", "")))
            try:
                time.sleep(reply.delay)
                self.send_response(reply.status)
                if reply.retry_after is not None:
                    self.send_header("retry-after", reply.retry_after)
                self.send_header("content-length", str(len(reply.body())))
                self.end_headers()
                self.wfile.write(reply.body())
            except OSError:
                pass  # the asker was killed meanwhile
            finally:
                stub.leave()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
