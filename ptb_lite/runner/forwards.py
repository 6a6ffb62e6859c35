"""Servers on this machine that an agent in a sandbox may reach: by ports of its own loopback."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from ptb_lite.agents.endpoints import Address

# Ports below are not given to a program without privileges.
_LOWEST_PORT = 1024


def forwards(endpoints: tuple[Address, ...]) -> Iterator[tuple[int, str, int]]:
    """The ports of a sandbox's loopback that lead to servers on the host's: programs ask those
    without a proxy."""
    for host, port in endpoints:
        if is_loopback(host) and port >= _LOWEST_PORT:
            yield port, host, port


def is_loopback(host: str) -> bool:
    """Whether a host of an endpoint is this machine itself."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")
