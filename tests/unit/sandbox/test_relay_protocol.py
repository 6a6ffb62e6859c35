"""What a relay understands of a request, and that nothing untrusted breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptb_lite.sandbox.relay_protocol import (
    BadRequestError,
    Wanted,
    normal_addresses,
    normal_host,
    read_request,
)


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        ("CONNECT api.example.com:443 HTTP/1.1", "api.example.com", 443),
        ("CONNECT API.Example.COM.:443 HTTP/1.1", "api.example.com", 443),
        ("CONNECT [::1]:8000 HTTP/1.1", "::1", 8000),
        ("CONNECT [0:0::1]:8000 HTTP/1.0", "::1", 8000),
        ("TUNNEL 127.0.0.1:11434 HTTP/1.1", "127.0.0.1", 11434),
        ("GET http://example.com/a?b HTTP/1.1", "example.com", 80),
        ("POST http://user:pw@example.com:8080/a HTTP/1.1", "example.com", 8080),
    ],
)
def test_host_and_port_in_one_spelling(line: str, host: str, port: int) -> None:
    wanted = read_request(f"{line}\r\nHost: other.example\r\n\r\n".encode())
    assert (wanted.host, wanted.port) == (host, port)


def test_only_connect_is_answered_before_the_far_end_speaks() -> None:
    assert read_request(b"CONNECT a:1 HTTP/1.1\r\n\r\n").reply.startswith(b"HTTP/1.1 200 ")
    assert read_request(b"TUNNEL a:1 HTTP/1.1\r\n\r\n") == Wanted("a", 1)


def test_a_plain_request_goes_on_without_what_concerns_the_proxy_alone() -> None:
    head = (
        b"GET http://example.com/a?b=c HTTP/1.1\r\nHost: example.com\r\n"
        b"Proxy-Authorization: Basic c2VjcmV0\r\nConnection: keep-alive\r\nX-Own: 1\r\n\r\n"
    )
    assert read_request(head).opening == (
        b"GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Own: 1\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET https://example.com/ HTTP/1.1\r\n\r\n",
        b"GET ftp://example.com/ HTTP/1.1\r\n\r\n",
        b"CONNECT example.com HTTP/1.1\r\n\r\n",
        b"CONNECT example.com:0 HTTP/1.1\r\n\r\n",
        b"CONNECT example.com:99999 HTTP/1.1\r\n\r\n",
        b"CONNECT exa mple.com:1 HTTP/1.1\r\n\r\n",
        b"CONNECT ../x:1 HTTP/1.1\r\n\r\n",
        b"CONNECT allowed.example@evil.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/2\r\n\r\n",
        b"CONNECT \x1b[31m:1 HTTP/1.1\r\n\r\n",
        b"CONNECT " + b"a" * 300 + b":1 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_request(head)


@given(st.binary(max_size=200), st.sampled_from([b"", b"CONNECT ", b"GET http://", b"TUNNEL "]))
def test_any_bytes_are_a_request_or_refused(tail: bytes, start: bytes) -> None:
    try:
        wanted = read_request(start + tail)
    except BadRequestError:
        return
    assert wanted.host == normal_host(wanted.host)
    assert 0 < wanted.port < 65536
    assert wanted.host.isascii()
    assert wanted.host.isprintable()


def test_allowed_addresses_are_compared_in_the_same_spelling() -> None:
    given_addresses = [("API.example.com", 443), ("::0:1", 80)]
    assert normal_addresses(given_addresses) == {("api.example.com", 443), ("::1", 80)}
    with pytest.raises(BadRequestError):
        normal_addresses([("no host", 1)])
