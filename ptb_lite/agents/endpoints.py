"""The addresses at which an agent's model is reached."""

from __future__ import annotations

from urllib.parse import urlsplit

from ptb_lite.errors import PtbLiteError

Address = tuple[str, int]
"""Host (a name or an address, without brackets) and port."""

_PORTS = {"http": 80, "https": 443}


def address_of(endpoint: str) -> Address:
    """Host and port of a base URL, or of `host` or `host:port`, for which https is assumed.

    Raises PtbLiteError when there is no host in it, or no port.
    """
    text = endpoint if "://" in endpoint else f"https://{endpoint}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise PtbLiteError(
            f"{endpoint[:100]!r} is no endpoint", field="endpoint", hint="Give a URL, http or https"
        )
    return host, port
