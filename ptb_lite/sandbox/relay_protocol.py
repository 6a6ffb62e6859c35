"""What a relay is asked for: the head of a proxy request, as an untrusted program wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

MAX_HEAD_BYTES = 1 << 16
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
_METHOD = re.compile(r"[A-Z]{1,20}")
_LINE_END = b"\r\n"
# What concerns this hop alone, and what would keep the connection for another request.
_DROPPED = (b"proxy-", b"connection:", b"keep-alive:")


class BadRequestError(ValueError):
    """The head cannot be understood, or asks for something that is no host."""


@dataclass(frozen=True)
class Wanted:
    """`opening` is what the far end is sent first, `reply` what the near end is told first."""

    host: str
    port: int
    opening: bytes = b""
    reply: bytes = b""


def read_request(head: bytes) -> Wanted:
    """What the head of a request asks for, up to and with its empty line.

    CONNECT (RFC 9110, 9.3.6), a request for an absolute http URL (RFC 9112, 3.2.2), and TUNNEL,
    which is CONNECT without an answer, for ports that are passed on. Raises BadRequestError.
    """
    lines = head.split(_LINE_END)
    words = lines[0].decode("latin-1").split(" ")
    if len(words) != 3 or not _METHOD.fullmatch(words[0]) or not words[2].startswith("HTTP/1."):
        raise BadRequestError("not a request of HTTP/1")
    method, target, protocol = words
    if method in ("CONNECT", "TUNNEL"):
        host, port = _authority(target, None)
        reply = b"HTTP/1.1 200 Connection established\r\n\r\n" if method == "CONNECT" else b""
        return Wanted(host, port, reply=reply)
    return _plain(method, target, protocol, lines[1:])


def _plain(method: str, target: str, protocol: str, lines: list[bytes]) -> Wanted:
    try:
        parts = urlsplit(target)
    except ValueError as error:
        raise BadRequestError("the URL cannot be understood") from error
    if parts.scheme.lower() != "http" or not parts.netloc:
        raise BadRequestError("only http URLs are asked for in this way")
    host, port = _authority(parts.netloc.rpartition("@")[2], 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [line for line in lines if line and not line.lower().startswith(_DROPPED)]
    first = f"{method} {path} {protocol}".encode("latin-1")
    opening = _LINE_END.join([first, *kept, b"Connection: close", b"", b""])
    return Wanted(host, port, opening=opening)


def _authority(text: str, default_port: int | None) -> tuple[str, int]:
    """Host and port of `host:port` or `[address]:port`; raises BadRequestError."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^\[\]:/@\s]{1,253})(?::([0-9]{1,5}))?", text)
    if found is None:
        raise BadRequestError("not a host and a port")
    name, digits = found.groups()
    port = int(digits) if digits else default_port
    if port is None or not 0 < port < 1 << 16:
        raise BadRequestError("not a port")
    return normal_host(name), port


def normal_host(name: str) -> str:
    """One spelling for each host: lower case, no dot at the end, no brackets.

    Raises BadRequestError for what is neither a name nor an address.
    """
    bare = name.removeprefix("[").removesuffix("]")
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    if not _NAME.fullmatch(bare):
        raise BadRequestError("not a host's name")
    return bare.lower().rstrip(".")


def normal_addresses(addresses: Iterable[tuple[str, int]]) -> frozenset[tuple[str, int]]:
    """The addresses as requests are compared with; raises BadRequestError."""
    return frozenset((normal_host(host), port) for host, port in addresses)
