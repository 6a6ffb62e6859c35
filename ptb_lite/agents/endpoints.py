"""Which hosts an agent must reach to ask its model: what a sandbox that lets nothing else through
must let through."""

from __future__ import annotations

from urllib.parse import urlsplit

from ptb_lite.agents.opencode import PROVIDER_HOSTS, provider_and_model
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
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


def endpoints_of(entry: AgentEntry, start: AgentStart) -> tuple[Address, ...]:
    """The addresses of the model behind an agent; empty for one without a model.

    A server of one's own takes the place of the scaffold's own host; a login needs the hosts of
    the login beside it. Raises PtbLiteError for an endpoint that is none.
    """
    if start.endpoint is not None:
        return (address_of(start.endpoint),)
    own = [entry.endpoint] if entry.endpoint else []
    if entry.backend == "opencode":
        provider = provider_and_model(start.model)[0]
        own = [PROVIDER_HOSTS[provider]] if provider in PROVIDER_HOSTS else []
    if start.login is not None:
        own += entry.login_endpoints
    return tuple(dict.fromkeys(address_of(each) for each in own))
