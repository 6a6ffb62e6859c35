"""The agent's network while it works: the relay, and the note of every host that was asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from ptb_lite.agents.endpoints import Address
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.events import HostAsked
from ptb_lite.files import write_record
from ptb_lite.runner.context import RunContext
from ptb_lite.runs.records import Hosts, HostSeen
from ptb_lite.sandbox import Asked, Relay, RelayPlan

# Ports below are not given to a program without privileges.
_LOWEST_PORT = 1024


class Network:
    """Journals each host once, when it is first asked for; `plan` is None where there is none."""

    def __init__(self, context: RunContext, relay: Relay | None, plan: RelayPlan | None) -> None:
        self._context = context
        self._relay = relay
        self._told: set[Asked] = set()
        self.plan = plan

    def tell(self) -> None:
        """Journal the hosts that are new since the last call."""
        if self._relay is None:
            return
        new = [asked for asked in self._relay.counts() if asked not in self._told]
        for asked in new:
            self._told.add(asked)
            self._context.journal.write(
                HostAsked(host=asked.host, port=asked.port, allowed=asked.allowed)
            )
        if new:
            self.save()

    def save(self) -> None:
        """Write hosts.json."""
        if self._relay is None:
            return
        seen = [
            HostSeen(host=asked.host, port=asked.port, allowed=asked.allowed, count=count)
            for asked, count in self._relay.counts().items()
        ]
        network = self._context.spec.network
        write_record(self._context.run.hosts, Hosts(network=network, hosts=tuple(seen)))


@contextmanager
def agent_network(context: RunContext, agent: AgentPlan) -> Iterator[Network]:
    """The network that the run's choice gives an agent; what it asked for is noted at the end.

    Raises PtbLiteError when the relay cannot be started.
    """
    if context.spec.network == "off":
        yield Network(context, None, None)
        return
    only = context.spec.network == "model-only"
    relay = Relay(context.run.relay, agent.endpoints if only else None)
    relay.start()
    ports = tuple(forwards(agent.endpoints)) if only else ()
    network = Network(context, relay, RelayPlan(context.run.relay, ports))
    try:
        network.save()
        yield network
        network.tell()
        network.save()
    finally:
        relay.close()
        shutil.rmtree(context.run.relay, ignore_errors=True)


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
