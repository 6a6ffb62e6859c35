"""The one client of chat endpoints against real servers that do their worst."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ptb_lite.chat import endpoint as room
from ptb_lite.chat.endpoint import ChatEndpoint, NoAnswerError, RefusedError
from ptb_lite.chat.patience import Patience, patiently
from tests.functional.runner.waiting import slowdown

KEY = "sk-0123456789abcdef"
Handler = BaseHTTPRequestHandler
GOOD = json.dumps({"choices": [{"message": {"content": "yes"}}]}).encode()


@contextmanager
def server(answer: Callable[[Handler], None]) -> Iterator[tuple[str, list[str | None]]]:
    """Its address, and the Authorization of each request, None where there was none."""
    asked: list[str | None] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            asked.append(self.headers.get("authorization"))
            with suppress(OSError):  # the client has gone, as it should
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_port}/v1", asked
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


def send(handler: Handler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"content-length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def ask(url: str, *, key: str = KEY, seconds: float = 10.0) -> object:
    endpoint = ChatEndpoint(url, key=key)
    try:
        return endpoint.complete({"model": "m"}, seconds=seconds).message["content"]
    finally:
        endpoint.close()


def test_an_answer_comes_back_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with server(lambda handler: send(handler, GOOD)) as (url, asked):
        assert ask(url) == "yes"
    assert asked == [f"Bearer {KEY}"]


def test_no_redirect_is_followed() -> None:
    with (
        server(lambda handler: send(handler, GOOD)) as (other, strangers),
        server(lambda handler: send(handler, b"", 307, location=f"{other}/x")) as (url, asked),
        pytest.raises(RefusedError, match="HTTP 307") as raised,
    ):
        ask(url)
    assert not raised.value.passing
    assert (len(asked), strangers) == (1, [])


def test_an_endless_answer_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_REPLY_BYTES", 100_000)

    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(bytes(10_000))

    with server(flood) as (url, _), pytest.raises(NoAnswerError, match="over"):
        ask(url)


def test_an_answer_that_drips_has_an_end() -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b" ")
            time.sleep(0.02)

    began = time.monotonic()
    with server(drip) as (url, _), pytest.raises(NoAnswerError, match="to its end"):
        ask(url, seconds=0.3)
    assert time.monotonic() - began < 10 * slowdown()


def test_the_key_stands_in_no_error_also_where_it_would_be_cut() -> None:
    said = ("x" * 490 + KEY).encode()
    with server(lambda handler: send(handler, said, 401)) as (url, _):
        with pytest.raises(RefusedError) as raised:
            ask(url)
        assert raised.value.of_key
        assert KEY[:5] not in str(raised.value)
        assert "[key]" in str(raised.value)
    with pytest.raises(NoAnswerError) as unreached:
        ask(f"http://127.0.0.1:1/{KEY}")
    assert KEY not in str(unreached.value)


def test_a_key_that_cannot_be_sent_is_said_and_nothing_is_asked() -> None:
    with server(lambda handler: send(handler, GOOD)) as (url, asked):
        for key in ("a\nb", "schlüssel"):
            with pytest.raises(RefusedError, match="characters that no request can") as raised:
                ask(url, key=key)
            assert raised.value.of_key
            assert not raised.value.passing
    assert asked == []


def test_patience_has_pauses_and_an_end() -> None:
    said: list[str] = []
    # The first pause is as asked for, the second grows, the third attempt is the last.
    script = iter([(502, {"retry_after": "0.3"}), (504, {}), (500, {})])

    def busy(handler: Handler) -> None:
        status, headers = next(script)
        send(handler, b"later", status, **headers)

    with server(busy) as (url, asked):
        began = time.monotonic()
        patience = Patience(3, 0.05, 30.0, time.monotonic() + 60)
        with pytest.raises(RefusedError, match="HTTP 500"):
            patiently(lambda: ask(url), patience, say=said.append)
        assert 0.4 <= time.monotonic() - began < 10 * slowdown()
    assert len(asked) == 3
    assert said[0] == "HTTP 502: later (attempt 1 of 3)"


def test_patience_does_not_wait_beyond_its_deadline() -> None:
    with server(lambda handler: send(handler, b"", 503, retry_after="20")) as (url, asked):
        began = time.monotonic()
        patience = Patience(3, 0.05, 30.0, time.monotonic() + 5)
        with pytest.raises(RefusedError):
            patiently(lambda: ask(url), patience)
    assert time.monotonic() - began < 5 * slowdown()
    assert len(asked) == 1


def test_what_is_no_trouble_of_the_endpoint_goes_through() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        patiently(broken, Patience(3, 5.0, 5.0, time.monotonic() + 60))
