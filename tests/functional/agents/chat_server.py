"""A real HTTP server on loopback that answers chat requests from a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    return _completion({"role": "assistant", "content": text}, **fields)


def calls(command: str, *, arguments: object = None, name: str = "bash", **fields: Any) -> Answer:
    """A tool call; `arguments` replaces the ordinary ones."""
    given = json.dumps({"command": command, **fields}) if arguments is None else arguments
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": given}}
    return _completion({"role": "assistant", "content": None, "tool_calls": [call]})


def _completion(message: dict[str, Any], **fields: Any) -> Answer:
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    body = {"choices": [{"index": 0, "message": message}], "usage": usage}
    return Answer(json.dumps(body).encode(), **fields)


@dataclass
class ChatServer:
    """`requests` and `headers` are what came in; the last answer is given again and again."""

    script: Sequence[Answer]
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: dict[str, Any], headers: dict[str, str]) -> Answer:
        with self.lock:
            answer = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append(request)
            self.headers.append(headers)
        return answer


@contextmanager
def chat_server(*script: Answer, host: str = "127.0.0.1") -> Iterator[ChatServer]:
    chat = ChatServer(script)

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
