"""A real HTTP server on loopback that answers chat requests from a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What one request is answered with. `close` ends the connection in mid-body."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    close: bool = False


def says(text: str, **fields: Any) -> Answer:
    return completion({"role": "assistant", "content": text}, **fields)


def calls(command: str, *, arguments: object = None, name: str = "bash", **fields: Any) -> Answer:
    """A tool call; `arguments` replaces the ordinary ones."""
    given = json.dumps({"command": command, **fields}) if arguments is None else arguments
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": given}}
    return completion({"role": "assistant", "content": None, "tool_calls": [call]})


def completion(message: dict[str, Any], *, finish: str | None = None, **fields: Any) -> Answer:
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return Answer(json.dumps({"choices": [choice], "usage": usage}).encode(), **fields)


def streamed(*deltas: dict[str, Any], finish: str = "stop", comment: bool = False) -> Answer:
    """Server-sent events, although nobody asked for them."""
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events += [{"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}]
    events += [{"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}]
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    before = ": OPENROUTER PROCESSING\n\n" if comment else ""
    return Answer((before + "".join(lines) + "data: [DONE]\n\n").encode())


@dataclass
class ChatServer:
    """`requests` and `headers` are what came in; the last answer is given again and again.

    `demands` is what a strict server says to a request that it refuses with 400, or None.
    `context` is how many tokens it keeps of a prompt, without a word (4 characters each).
    """

    script: Sequence[Answer]
    demands: Callable[[dict[str, Any]], str | None] = lambda _: None
    context: int | None = None
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refusals: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: dict[str, Any], headers: dict[str, str]) -> Answer:
        with self.lock:
            refused = self.demands(request)
            taken = len(self.requests) - self.refusals
            answer = self.script[min(taken, len(self.script) - 1)]
            self.requests.append(request)
            self.headers.append(headers)
            self.refusals += refused is not None
        if refused is not None:
            return Answer(json.dumps({"error": {"message": refused}}).encode(), status=400)
        if self.context is not None:
            body = json.loads(answer.body)
            size = sum(len(str(message.get("content"))) for message in request["messages"])
            body["usage"]["prompt_tokens"] = min(size // 4, self.context)
            return replace(answer, body=json.dumps(body).encode())
        return answer


@contextmanager
def chat_server(
    *script: Answer,
    host: str = "127.0.0.1",
    demands: Callable[[dict[str, Any]], str | None] = lambda _: None,
    context: int | None = None,
) -> Iterator[ChatServer]:
    chat = ChatServer(script, demands, context)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            assert self.path == "/v1/chat/completions"
            answer = chat.take(json.loads(body), {k.lower(): v for k, v in self.headers.items()})
            time.sleep(answer.delay)
            try:
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                size = len(answer.body) + (100 if answer.close else 0)
                self.send_header("content-length", str(size))
                self.end_headers()
                self.wfile.write(answer.body)
            except OSError:
                pass  # the agent was killed meanwhile

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    chat.url = f"http://{host}:{server.server_port}/v1"
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
