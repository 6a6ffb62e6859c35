"""The relay as a process would meet it: what it lets through, and what hostile ones get."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ptb_lite.events import Outcome
from ptb_lite.sandbox import Asked, LimitPlan, Relay, RelayPlan, SandboxPlan, interpreter_paths
from ptb_lite.sandbox import relay as relay_module
from tests.functional.agents.chat_server import chat_server, says
from tests.functional.runner.waiting import slowdown
from tests.functional.sandbox.addresses import own_address
from tests.functional.sandbox.lab import Lab, wait_until


@contextmanager
def echo_server() -> Iterator[int]:
    """Sends back what it is sent, until that ends; a port of loopback."""
    listening = socket.create_server(("127.0.0.1", 0))

    def echo(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


Start = Callable[..., Relay]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # Longer than a socket's address may be.
    long = tmp_path / ("x" * 120)
    long.mkdir()
    return long / "relay"


@pytest.fixture
def begin(folder: Path) -> Iterator[Start]:
    made: list[Relay] = []

    def start(allowed: list[tuple[str, int]] | None) -> Relay:
        relay = Relay(folder, allowed)
        relay.start()
        made.append(relay)
        return relay

    yield start
    for relay in made:
        relay.close()


def connect(folder: Path) -> socket.socket:
    handle = os.open(folder, os.O_RDONLY)
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(10)
    made.connect(f"/proc/self/fd/{handle}/relay.sock")
    os.close(handle)
    return made


def answer(folder: Path, sent: bytes) -> bytes:
    """All that comes back until the connection is closed."""
    with connect(folder) as made:
        made.sendall(sent)
        made.shutdown(socket.SHUT_WR)
        parts = []
        while data := made.recv(1 << 16):
            parts.append(data)
    return b"".join(parts)


def test_what_is_allowed_passes_whole_in_both_directions(begin: Start, folder: Path) -> None:
    data = os.urandom(3_000_000)
    with echo_server() as port:
        relay = begin([("127.0.0.1", port)])
        sent = f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode() + data
        received = bytearray()
        with connect(folder) as made:
            reader = threading.Thread(target=lambda: received.extend(_all(made)))
            reader.start()
            made.sendall(sent)
            made.shutdown(socket.SHUT_WR)
            reader.join()
    assert bytes(received) == b"HTTP/1.1 200 Connection established\r\n\r\n" + data
    assert relay.counts() == {Asked("127.0.0.1", port, allowed=True): 1}


def _all(made: socket.socket) -> bytes:
    parts = []
    while data := made.recv(1 << 16):
        parts.append(data)
    return b"".join(parts)


def test_another_port_of_an_allowed_host_is_refused(begin: Start, folder: Path) -> None:
    with echo_server() as port, echo_server() as other:
        relay = begin([("127.0.0.1", port)])
        said = answer(folder, f"CONNECT 127.0.0.1:{other} HTTP/1.1\r\n\r\nhello".encode())
    assert said.startswith(b"HTTP/1.1 403 ")
    assert b"hello" not in said
    assert relay.counts() == {Asked("127.0.0.1", other, allowed=False): 1}


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01" + b"\0" * 40 + b"\r\n\r\n",
        b"GET /etc/passwd HTTP/1.1\r\n\r\n",
        b"GET http://example.com/ HTTP/1.1\r\nX: " + b"y" * (1 << 17),
    ],
)
def test_what_is_no_request_is_refused_and_counted(begin: Start, folder: Path, sent: bytes) -> None:
    relay = begin([("example.com", 80)])
    assert answer(folder, sent).startswith(b"HTTP/1.1 400 ")
    wait_until(lambda: bool(relay.counts()), "the note")
    assert relay.counts() == {Asked("(malformed)", 0, allowed=False): 1}


def test_connections_are_bounded_and_free_again(
    begin: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "MAX_CONNECTIONS", 5)
    with echo_server() as port:
        begin([("127.0.0.1", port)])
        request = f"TUNNEL 127.0.0.1:{port} HTTP/1.1\r\n\r\nx".encode()
        held = [connect(folder) for _ in range(5)]
        for each in held:
            each.sendall(request)
            assert each.recv(1) == b"x"
        assert answer(folder, request).startswith(b"HTTP/1.1 503 ")
        held.pop().close()
        wait_until(lambda: answer(folder, request) == b"x", "a free place")
        for each in held:
            each.close()


def test_hosts_are_bounded(begin: Start, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "MAX_HOSTS", 3)
    relay = begin([])
    for number in range(5):
        answer(folder, f"CONNECT h{number}.example:443 HTTP/1.1\r\n\r\n".encode())
    assert [(asked.host, count) for asked, count in relay.counts().items()] == [
        *(("h0.example", 1), ("h1.example", 1), ("h2.example", 1)),
        ("(others)", 2),
    ]


def test_a_silent_connection_is_given_up(
    begin: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "HEAD_SECONDS", 0.2)
    begin([])
    with connect(folder) as made:
        assert made.recv(1) == b""


def test_a_host_that_is_not_there_is_said(begin: Start, folder: Path) -> None:
    begin([("127.0.0.1", 1)])
    assert answer(folder, b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 502 ")


def test_the_socket_is_this_persons_alone_and_gone_at_the_end(folder: Path) -> None:
    relay = Relay(folder, None)
    relay.start()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with echo_server() as port, connect(folder) as open_still:
        open_still.sendall(f"TUNNEL 127.0.0.1:{port} HTTP/1.1\r\n\r\nx".encode())
        assert open_still.recv(1) == b"x"
        relay.close()
        assert open_still.recv(1) == b""
    assert list(folder.iterdir()) == []
    # What a killed runner left is in nobody's way.
    (folder / "relay.sock").touch()
    again = Relay(folder, None)
    again.start()
    again.close()


def model_only(lab: Lab, folder: Path, *forwards: tuple[int, str, int]) -> SandboxPlan:
    return SandboxPlan(
        workspace=lab.workspace,
        read_only=interpreter_paths(),
        environment={"PATH": "/usr/bin:/bin"},
        network="model-only",
        relay=RelayPlan(folder, forwards),
        limits=LimitPlan(processes=64),
    )


def test_from_inside_a_port_leads_to_the_model_and_nothing_leads_elsewhere(
    closed_lab: Lab, begin: Start, folder: Path
) -> None:
    host = own_address()
    with (
        chat_server(says("x")) as model,
        chat_server(says("x"), host=host) as other,
    ):
        port = int(model.url.split(":")[2].split("/")[0])
        relay = begin([("127.0.0.1", port)])
        ask = "curl -sS -m 9 -d '{}' %s/chat/completions || echo refused"
        script = "\n".join(
            [
                ask % model.url,
                ask % other.url,
                "curl -sS -m 9 --noproxy '*' " + other.url + " || echo refused",
                "python3 -c \"import socket; socket.create_connection(('192.0.2.1', 80), 3)\"",
                "python3 -c \"import socket; socket.getaddrinfo('elsewhere.invalid', 80)\"",
            ]
        )
        closed_lab.run(
            ["sh", "-c", script], plan=model_only(closed_lab, folder, (port, "127.0.0.1", port))
        )
        assert len(model.requests) == 1
        assert other.requests == []
    assert '"choices"' in closed_lab.output()
    assert "this host is not let through" in closed_lab.output()
    assert "refused" in closed_lab.output()
    assert "Network is unreachable" in closed_lab.errors()
    assert "gaierror" in closed_lab.errors()
    assert {asked.host: asked.allowed for asked in relay.counts()} == {
        "127.0.0.1": True,
        host: False,
    }


def test_the_way_out_does_not_outlive_the_command(
    closed_lab: Lab, begin: Start, folder: Path
) -> None:
    begin([])
    ended = closed_lab.run(["true"], plan=model_only(closed_lab, folder))
    assert ended.outcome is Outcome.FINISHED, closed_lab.errors()
    ended = closed_lab.run(["sleep", "60"], deadline=0.5, plan=model_only(closed_lab, folder))
    assert ended.outcome is Outcome.TIME_EXCEEDED
    assert ended.seconds < 2.5 * slowdown()
    ended = closed_lab.run(["no-such-program"], plan=model_only(closed_lab, folder))
    assert ended.exit_code == 127
