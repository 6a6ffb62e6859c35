"""Runs whose agent reaches its model and nothing else; what it asked for is in the run."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

import pytest

from ptb_lite.events import AgentEventKind, AgentSpoke, HostAsked, Outcome
from ptb_lite.runs.atomic import read_record
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from ptb_lite.runs.records import Hosts
from tests.functional.agents.chat_server import calls, chat_server, says
from tests.functional.agents.model_server import model_server
from tests.functional.runner.conftest import SUBMIT, Bench
from tests.functional.runner.test_real_agent import AGENTS, prepare
from tests.functional.sandbox.addresses import own_address

# Whoever has no network of any kind may still try: by the proxy, and around it.
TRY = """
curl -sS -m 20 http://elsewhere.invalid/ ; curl -sS -m 20 https://elsewhere.invalid/
curl -sS -m 20 --noproxy '*' {other}/ && echo ESCAPED
"""
HAND_IN = f"python - <<'END'\n{SUBMIT}\nsubmit()\nEND\n"


def results(run: RunFolder) -> str:
    events = [event.payload for event in read_journal(run.journal).events]
    spoken = [payload.event for payload in events if isinstance(payload, AgentSpoke)]
    return "\n".join(e.text for e in spoken if e.kind is AgentEventKind.TOOL_RESULT)


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
        command = TRY.format(other=other.url) + HAND_IN
        with chat_server(calls(command), says("submitted"), host=host) as chat:
            run = bench.run("", agent="local", agent_model=f"stub@{chat.url}", network="model-only")
        assert other.requests == []
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid, scores.submission_reason
    assert len(chat.requests) == 2
    assert "ESCAPED" not in results(run)
    assert "this host is not let through" in results(run)
    port = urlsplit(chat.url).port
    assert port is not None
    check_hosts(run, host, port)


@pytest.mark.parametrize(
    "agent",
    ["claude-code", *(pytest.param(n, marks=pytest.mark.slow) for n in AGENTS if n[:2] != "cl")],
)
def test_a_real_program_reaches_its_model_alone(
    bench: Bench, agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = SUBMIT + "submit()"
    command = TRY.format(other="http://127.0.0.1:1") + f"python -c {shlex.quote(code)}"
    with model_server(command) as server:
        model = prepare(agent, server.url, monkeypatch)
        run = bench.run("", agent=agent, agent_model=model, minutes=2.0, network="model-only")
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid, (scores.submission_reason, results(run))
    assert scores.time.agent_outcome is Outcome.FINISHED
    hosts = read_record(run.hosts, Hosts).hosts
    assert {each.host for each in hosts if each.allowed} == {"127.0.0.1"}
    assert ("elsewhere.invalid", 443) in {(e.host, e.port) for e in hosts if not e.allowed}


def test_with_the_whole_network_hosts_are_noted_where_a_proxy_sees_them(bench: Bench) -> None:
    host = own_address()
    with chat_server(says("unused"), host=host) as chat:
        run = bench.run(["curl", "-sS", chat.url], network="full")
    (seen,) = read_record(run.hosts, Hosts).hosts
    assert (seen.host, seen.allowed, seen.count) == (host, True, 1)


def test_without_a_network_no_host_is_asked_for(bench: Bench) -> None:
    run = bench.run(["curl", "-sS", "-m", "5", "http://elsewhere.invalid"])
    assert run.read_scores() is not None
    assert not run.hosts.exists()
