"""Whether a base URL can be an endpoint's."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

AddressProblem = Literal["password", "no URL"]


def address_problem(url: str) -> AddressProblem | None:
    """What is wrong with a base URL; None where it is http or https and names a host.

    A choice with an address is written to disk, where a password does not belong.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        secret = parts.password is not None
    except ValueError:
        return "no URL"
    if secret:
        return "password"
    return None if sound else "no URL"
