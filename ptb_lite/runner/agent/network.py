"""The agent's network while it works: the relay, and the note of every host that was asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from ptb_lite.agents.endpoints import Address
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.audit.evidence.test_sets.sources import BenchmarkSources, Sources, sources_of_dataset
from ptb_lite.chat.masking import mask_text
from ptb_lite.events import HostAsked, HubRequested
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.context import Prepared, RunContext
from ptb_lite.runner.forwards import forwards
from ptb_lite.runner.hub_gate.policy import HubPolicy
from ptb_lite.runner.hub_gate.requests import RepoKind
from ptb_lite.runner.hub_gate.server import HubGate, environment
from ptb_lite.runner.hub_gate.upstream import HubUpstream
from ptb_lite.runner.phases.audit import case_of
from ptb_lite.runs.records import Hosts, HostSeen
from ptb_lite.sandbox import Asked, Relay, RelayPlan


class Network:
    """Journals each host and each request to the Hub once, when it first comes.

    `plan` is None where there is no relay; `environment` are variables that the agent needs to find
    its way. What the agent asks for is its own text: no part of its `secrets` is kept of it.
    """

    def __init__(
        self,
        context: RunContext,
        relay: Relay | None,
        plan: RelayPlan | None,
        gate: HubGate | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self._context = context
        self._relay = relay
        self._gate = gate
        self._told: set[Asked] = set()
        self._requests_told = 0
        # Names of hosts are read in small letters.
        self._secrets = tuple(dict.fromkeys([*secrets, *(one.lower() for one in secrets)]))
        self.plan = plan
        self.environment = environment(gate.port) if gate is not None else {}

    def tell(self) -> None:
        """Journal the hosts that are new since the last call."""
        self._tell_requests()
        if self._relay is None:
            return
        new = [asked for asked in self._relay.counts() if asked not in self._told]
        for asked in new:
            self._told.add(asked)
            self._context.journal.write(
                HostAsked(host=self._masked(asked.host), port=asked.port, allowed=asked.allowed)
            )
        if new:
            self.save()

    def _tell_requests(self) -> None:
        if self._gate is None:
            return
        noted = list(self._gate.noted())
        for one in noted[self._requests_told :]:
            asked = one.request
            self._context.journal.write(
                HubRequested(
                    kind=asked.kind,
                    repo=self._masked(asked.repo)[:200],
                    revision=self._masked(asked.revision)[:80],
                    path=self._masked(asked.path)[:400],
                    allowed=one.allowed,
                    reason=self._masked(one.reason)[:500],
                )
            )
        self._requests_told = len(noted)

    def save(self) -> None:
        """Write hosts.json."""
        if self._relay is None:
            return
        seen = [
            HostSeen(
                host=self._masked(asked.host),
                port=asked.port,
                allowed=asked.allowed,
                count=count,
            )
            for asked, count in self._relay.counts().items()
        ]
        network = self._context.spec.network
        write_record(self._context.run.hosts, Hosts(network=network, hosts=tuple(seen)))

    def _masked(self, text: str) -> str:
        return mask_text(text, self._secrets)


@contextmanager
def agent_network(context: RunContext, agent: AgentPlan) -> Iterator[Network]:
    """The network that the run's choice gives an agent; what it asked for is noted at the end.

    Raises PtbLiteError when the relay cannot be started.
    """
    if context.spec.network == "off":
        yield Network(context, None, None)
        return
    with ExitStack() as opened:
        gate = opened.enter_context(hub_gate(context)) if context.spec.network == "hub" else None
        allowed = None if context.spec.network == "full" else [*agent.endpoints]
        if gate is not None and allowed is not None:
            allowed.append(("127.0.0.1", gate.port))
        with _relayed(context, allowed, gate, agent.start.secrets) as network:
            yield network


def lm_task_sources(prepared: Prepared) -> dict[str, BenchmarkSources]:
    """Where the test items of the run's tasks of lm-eval lie on the Hub, by benchmark."""
    return {
        item.id: sources_of_dataset(
            task.dataset, (task.source,) if task.source not in ("", task.scored_split) else ()
        )
        for item in prepared.benchmarks
        if (task := item.lm_task) is not None and task.dataset
    }


@contextmanager
def hub_gate(context: RunContext) -> Iterator[HubGate]:
    """The gate of a run: what is the base model's and the benchmarks' passes, test items do not.

    Raises PtbLiteError when it cannot be started.
    """
    spec, catalog = context.spec, context.catalog
    model = catalog.model(spec.model)
    items = case_of(context, None).items
    parts = [
        part
        for name in spec.benchmarks
        if (data := catalog.benchmark(name).data)
        for part in (data.test, data.train)
        if part is not None
    ]
    base = [name for name in (model.hub_id, model.id) if name]
    own: list[tuple[RepoKind, str]] = [("model", name) for name in base]
    own += [("dataset", part.hub_id) for part in parts]
    prepared = read_record(context.run.prepared, Prepared)
    own += [
        ("dataset", item.lm_task.dataset)
        for item in prepared.benchmarks
        if item.lm_task and item.lm_task.dataset
    ]
    folder = context.run.hub_gate
    gate = HubGate(
        HubPolicy(
            sources=Sources(spec.benchmarks, lm_task_sources(prepared)),
            base_ids=base,
            instruct_ids=[model.instruct] if model.instruct else [],
        ),
        HubUpstream(folder / "cache", own),
        items,
        folder / "spool",
    )
    gate.start()
    try:
        yield gate
    finally:
        gate.close()
        # What passed lies in the agent's own cache, too.
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _relayed(
    context: RunContext,
    allowed: list[Address] | None,
    gate: HubGate | None,
    secrets: Sequence[str],
) -> Iterator[Network]:
    relay = Relay(context.run.relay, allowed)
    relay.start()
    ports = () if allowed is None else tuple(forwards(tuple(allowed)))
    network = Network(context, relay, RelayPlan(context.run.relay, ports), gate, secrets)
    try:
        network.save()
        yield network
        network.tell()
        network.save()
    finally:
        relay.close()
        shutil.rmtree(context.run.relay, ignore_errors=True)
