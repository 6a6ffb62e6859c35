"""Runs whose agent reaches its model and nothing else; what it asked for is in the run."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ptb_lite.events import AgentEventKind, HostAsked, Outcome
from ptb_lite.files import read_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.runs.records import Hosts
from tests.functional.agents.chat_server import ChatServer, calls, chat_server, says
from tests.functional.agents.model_server import model_server
from tests.functional.runner.agent_phase import agent_phase
from tests.functional.runner.conftest import Bench
from tests.functional.runner.test_real_agent import AGENTS, prepare
from tests.functional.sandbox.addresses import own_address
from tests.functional.sandbox.engines import usable_podman

# Whoever has no network of any kind may still try: by the proxy, and around it.
TRY = """
curl -sS -m 20 http://elsewhere.invalid/ ; curl -sS -m 20 https://elsewhere.invalid/
curl -sS -m 20 --noproxy '*' {other}/ && echo ESCAPED
"""


def port_of(chat: ChatServer) -> int:
    port = urlsplit(chat.url).port
    assert port is not None
    return port


def check_hosts(run: RunFolder, host: str, port: int) -> None:
    """The model was let through, the rest was not; the journal says each once."""
    found = read_record(run.hosts, Hosts)
    assert found.network == "model-only"
    seen = {(each.host, each.port, each.allowed): each.count for each in found.hosts}
    assert seen.pop((host, port, True)) >= 2
    assert {("elsewhere.invalid", 80, False), ("elsewhere.invalid", 443, False)} <= set(seen)
    assert not any(allowed for _, _, allowed in seen), seen
    events = [event.payload for event in read_journal(run.journal).events]
    told = [(e.host, e.port, e.allowed) for e in events if isinstance(e, HostAsked)]
    assert sorted(told) == sorted([(host, port, True), *seen])
    assert not run.relay.exists()


@pytest.mark.parametrize("place", ["loopback", "network"])
def test_the_local_agent_reaches_its_model_alone(bench: Bench, place: str) -> None:
    host = "127.0.0.1" if place == "loopback" else own_address()
    with chat_server(says("unused"), host=host) as other:
        command = TRY.format(other=other.url)
        with chat_server(calls(command), says("done"), host=host) as chat:
            phase = agent_phase(
                bench, "", agent="local", agent_model=f"stub@{chat.url}", network="model-only"
            )
        assert other.requests == []
    assert phase.end.outcome is Outcome.FINISHED
    assert len(chat.requests) == 2
    told = phase.said(AgentEventKind.TOOL_RESULT)
    assert "ESCAPED" not in told
    assert "this host is not let through" in told
    check_hosts(phase.run, host, port_of(chat))


@pytest.mark.parametrize(
    ("agent", "place"),
    [
        ("claude-code", "network"),
        *((agent, "loopback") for agent in AGENTS if agent != "claude-code"),
        pytest.param("claude-code", "loopback", marks=pytest.mark.slow),
        *(pytest.param(a, "network", marks=pytest.mark.slow) for a in AGENTS if a[:2] != "cl"),
    ],
)
def test_a_real_program_reaches_its_model_alone(
    bench: Bench, agent: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = "127.0.0.1" if place == "loopback" else own_address()
    with model_server(TRY.format(other="http://127.0.0.1:1"), host=host) as server:
        model = prepare(agent, server.url, monkeypatch)
        phase = agent_phase(
            bench, "", agent=agent, agent_model=model, minutes=2.0, network="model-only"
        )
    assert phase.end.outcome is Outcome.FINISHED, phase.end
    assert "this host is not let through" in phase.said(AgentEventKind.TOOL_RESULT)
    check_hosts(phase.run, host, server.server_port)


def test_with_the_whole_network_hosts_are_noted_where_a_proxy_sees_them(bench: Bench) -> None:
    host = own_address()
    with chat_server(says("unused"), host=host) as chat:
        phase = agent_phase(bench, ["curl", "-sS", chat.url], network="full")
    (seen,) = read_record(phase.run.hosts, Hosts).hosts
    assert (seen.host, seen.port, seen.allowed, seen.count) == (host, port_of(chat), True, 1)


@pytest.mark.parametrize("name", ["none", "podman"])
def test_other_kinds_of_isolation_have_the_same_way_out(
    bench: Bench, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "podman":
        if (settings := usable_podman(tmp_path)) is None:
            pytest.skip("podman is not installed, or cannot start a container here")
        if settings:
            monkeypatch.setenv("CONTAINERS_CONF", settings)
    host = own_address()
    with chat_server(
        calls("curl -sS http://elsewhere.invalid/ || true"), says("done"), host=host
    ) as chat:
        phase = agent_phase(
            bench,
            "",
            agent="local",
            agent_model=f"stub@{chat.url}",
            sandbox=name,
            network="full" if name == "none" else "model-only",
        )
    assert phase.end.outcome is Outcome.FINISHED, phase.end
    seen = {(each.host, each.allowed) for each in read_record(phase.run.hosts, Hosts).hosts}
    assert seen == {(host, True), ("elsewhere.invalid", name == "none")}
    assert not phase.run.relay.exists()


def test_without_a_network_no_host_is_asked_for(bench: Bench) -> None:
    phase = agent_phase(bench, ["curl", "-sS", "-m", "5", "http://elsewhere.invalid"])
    assert phase.end.outcome is Outcome.FAILED
    assert not phase.run.hosts.exists()
