"""A model on loopback that speaks four protocols and always does the same.

Asked by a person, it calls the shell tool once, with the command it was made with; given the
tool's result, it says that it is done, or what else it was given to say. Of a command that goes on
(Codex) it waits for the end. Everything else that it is asked gets the last answer.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DONE = "All done."
REFUSAL = {
    "type": "error",
    "error": {"type": "authentication_error", "code": 401, "message": "invalid x-api-key"},
}
INPUT_TOKENS, OUTPUT_TOKENS = 100, 20
# How Codex tells of a command that goes on.
_RUNNING = re.compile(r"running with session ID (\d+)")
WAIT_MS = 120_000
SHELL_TOOLS = ("Bash", "shell", "shell_command", "exec_command", "run_shell_command", "bash")


class ModelServer(ThreadingHTTPServer):
    """`asked` are the paths of all requests, `keys` what they authenticated with.

    `last` is the body of the last request that was answered as a model does, `waits` how often it
    waited for a command.
    """

    daemon_threads = True

    def __init__(
        self,
        command: str,
        *,
        refuses: bool = False,
        host: str = "127.0.0.1",
        answer: str = DONE,
        once: bool = False,
    ) -> None:
        super().__init__((host, 0), _Handler)
        self.answer = answer
        self.host = host
        self.command = command
        self.refuses = refuses
        self.once = once
        self.asked: list[str] = []
        self.keys: set[str] = set()
        self.calls = 0
        self.waits = 0
        self.last = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.server_port}"


@contextmanager
def model_server(
    command: str,
    *,
    refuses: bool = False,
    host: str = "127.0.0.1",
    answer: str = DONE,
    once: bool = False,
) -> Iterator[ModelServer]:
    """`refuses`: every key is a wrong one. `once`: it calls its tool for the first request only."""
    server = ModelServer(command, refuses=refuses, host=host, answer=answer, once=once)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._note()
        self._send(json.dumps({"data": [], "models": []}), "application/json")

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self._note()
        if self.server.refuses:
            self._send(json.dumps(REFUSAL), "application/json", status=401)
            return
        sent = self.rfile.read(int(self.headers.get("content-length", 0))).decode() or "{}"
        body = json.loads(sent)
        path = self.path.partition("?")[0]
        if path.endswith("/messages"):
            self._events(anthropic(body, self.server), sent)
        elif path.endswith("/responses"):
            self._events(responses(body, self.server), sent)
        elif path.endswith("/chat/completions"):
            self._events(chat(body, self.server), sent)
        elif path.endswith(":streamGenerateContent"):
            self._events(gemini(body, self.server), sent)
        elif path.endswith(":generateContent"):
            (only,) = gemini({}, self.server)
            self._send(json.dumps(only), "application/json")
        elif path.endswith(("count_tokens", ":countTokens")):
            counts = {"input_tokens": INPUT_TOKENS, "totalTokens": INPUT_TOKENS}
            self._send(json.dumps(counts), "application/json")
        else:
            self._send("{}", "application/json")

    def _note(self) -> None:
        self.server.asked.append(self.path)
        for name in ("x-api-key", "authorization", "x-goog-api-key"):
            if value := self.headers.get(name):
                self.server.keys.add(value.removeprefix("Bearer "))

    def _events(self, events: list[dict[str, Any]], sent: str) -> None:
        self.server.last = sent
        lines = []
        for event in events:
            if "type" in event:
                lines.append(f"event: {event['type']}\n")
            lines.append(f"data: {json.dumps(event)}\n\n")
        if self.path.endswith("/chat/completions"):
            lines.append("data: [DONE]\n\n")
        self._send("".join(lines), "text/event-stream")

    def _send(self, text: str, kind: str, status: int = 200) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _tool(names: list[Any], server: ModelServer) -> str | None:
    if server.once and server.calls:
        return None
    return next((name for name in SHELL_TOOLS if name in names), None)


def _arguments(tool: str, command: str) -> dict[str, Any]:
    match tool:
        case "shell":
            return {"command": ["bash", "-lc", command]}
        case "exec_command":
            return {"cmd": command}
    return {"command": command, "description": "as told"}


def anthropic(body: dict[str, Any], server: ModelServer) -> list[dict[str, Any]]:
    tool = _tool([each.get("name") for each in body.get("tools", [])], server)
    last = body["messages"][-1]["content"]
    answered = isinstance(last, list) and any(b.get("type") == "tool_result" for b in last)
    if tool and not answered:
        server.calls += 1
        block = {"type": "tool_use", "id": f"toolu_{server.calls}", "name": tool, "input": {}}
        text = json.dumps(_arguments(tool, server.command))
        delta = {"type": "input_json_delta", "partial_json": text}
        reason = "tool_use"
    else:
        block = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": server.answer}
        reason = "end_turn"
    message = {
        "id": f"msg_{len(server.asked)}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": 1},
    }
    return [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": OUTPUT_TOKENS},
        },
        {"type": "message_stop"},
    ]


def _called(number: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    call = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}"}
    return {**call, "name": name, "arguments": json.dumps(given)}


def responses(body: dict[str, Any], server: ModelServer) -> list[dict[str, Any]]:
    tool = _tool([each.get("name") for each in body.get("tools", [])], server)
    items = body.get("input", [])
    answered = bool(items) and items[-1].get("type", "").endswith("_call_output")
    running = _RUNNING.search(json.dumps(items[-1])) if answered else None
    if running:
        server.waits += 1
        given = {"session_id": int(running[1]), "chars": "", "yield_time_ms": WAIT_MS}
        item = _called(f"wait_{server.waits}", "write_stdin", given)
    elif tool and not answered:
        server.calls += 1
        item = _called(str(server.calls), tool, _arguments(tool, server.command))
    else:
        item = {
            "type": "message",
            "id": f"msg_{len(server.asked)}",
            "role": "assistant",
            "content": [{"type": "output_text", "text": server.answer, "annotations": []}],
        }
    answer = f"resp_{len(server.asked)}"
    counts = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    return [
        {"type": "response.created", "response": {"id": answer}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"id": answer, "usage": counts}},
    ]


def chat(body: dict[str, Any], server: ModelServer) -> list[dict[str, Any]]:
    tool = _tool([each.get("function", {}).get("name") for each in body.get("tools", [])], server)
    answered = body["messages"][-1]["role"] == "tool"
    delta: dict[str, Any] = {"role": "assistant"}
    if tool and not answered:
        server.calls += 1
        arguments = json.dumps(_arguments(tool, server.command))
        call = {"name": tool, "arguments": arguments}
        delta["tool_calls"] = [
            {"index": 0, "id": f"call_{server.calls}", "type": "function", "function": call}
        ]
    else:
        delta["content"] = server.answer
    base = {
        "id": f"c{len(server.asked)}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body.get("model"),
    }
    reason = "tool_calls" if "tool_calls" in delta else "stop"
    counts = {
        "prompt_tokens": INPUT_TOKENS,
        "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    return [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": counts},
    ]


def gemini(body: dict[str, Any], server: ModelServer) -> list[dict[str, Any]]:
    declared = [
        function.get("name")
        for each in body.get("tools", [])
        for function in each.get("functionDeclarations", [])
    ]
    tool = _tool(declared, server)
    contents = body.get("contents", [])
    answered = bool(contents) and any("functionResponse" in p for p in contents[-1]["parts"])
    if tool and not answered:
        server.calls += 1
        part = {"functionCall": {"name": tool, "args": _arguments(tool, server.command)}}
    else:
        part = {"text": server.answer}
    return [
        {
            "candidates": [
                {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
            ],
            "usageMetadata": {
                "promptTokenCount": INPUT_TOKENS,
                "candidatesTokenCount": OUTPUT_TOKENS,
                "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
            },
        }
    ]
