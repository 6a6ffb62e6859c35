"""What an agent asks for, and what doctor and report show of it, holds no part of its key."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.agents.registry import plan_agent
from ptb_lite.catalog import load_catalog
from ptb_lite.events import Outcome
from ptb_lite.report.html import write_report
from ptb_lite.report.text import report_text
from ptb_lite.runner.agent.network import Network
from ptb_lite.runner.agent.trace import TraceReader
from ptb_lite.runner.auditing.ask_agent import _heard
from ptb_lite.runner.console.replay import recorded_demo
from ptb_lite.runner.hub_gate.requests import HubRequest
from ptb_lite.runner.model_check import call_agent
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalWriter
from ptb_lite.sandbox import Ended, Relay
from ptb_lite.sandbox.relay import SOCKET_NAME
from tests.functional.agents.chat_server import Answer, chat_server
from tests.functional.chat.test_masked_before_cut import BEFORE, KEY, bodies, shows

SMALL = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AgentPlan:
    monkeypatch.setenv("PTB_LITE_API_KEY", KEY)
    model = "stub@http://127.0.0.1:9/v1"
    return plan_agent(load_catalog().agent("local"), workspace=tmp_path, model=model)


def context_of(run: RunFolder) -> Any:
    journal = JournalWriter(run.journal)
    return SimpleNamespace(
        run=run, journal=journal, spec=SimpleNamespace(network="hub"), warn=lambda _: None
    )


def ask_relay(folder: Path, host: str) -> None:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(folder / SOCKET_NAME))
        asking.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert b"403" in asking.recv(1000)


@SMALL
@given(before=BEFORE, status=st.sampled_from([200, 401, 500]))
def test_doctor_shows_none(monkeypatch: pytest.MonkeyPatch, before: int, status: int) -> None:
    monkeypatch.setenv("PTB_LITE_API_KEY", KEY)
    for body in bodies(before)[:4]:
        with chat_server(Answer(body, status)) as chat:
            called = call_agent(
                load_catalog().agent("local"), model=f"stub@{chat.url}", seconds=1.0
            )
        assert not shows(called.message)


@SMALL
@given(inside=st.integers(1, len(KEY) - 1))
def test_doctor_shows_none_of_a_programs_last_words(
    plan: AgentPlan, tmp_path: Path, inside: int
) -> None:
    """The end of its standard error begins in the middle of the key."""
    (tmp_path / "stdout").write_bytes(b"")
    (tmp_path / "stderr").write_text(KEY + "e" * ((1 << 16) - inside))
    heard = _heard(plan, tmp_path, Ended(Outcome.FAILED, 1, 1.0, ""), "", refused=())
    assert not shows(heard.problem)


@SMALL
@given(before=st.integers(0, 420), cased=st.booleans())
def test_neither_journal_nor_hosts_nor_report_show_what_an_agent_asked_for(
    plan: AgentPlan, tmp_path_factory: pytest.TempPathFactory, before: int, cased: bool
) -> None:
    run = RunFolder(tmp_path_factory.mktemp("runs") / "20260101-000000-abcd")
    shutil.copytree(recorded_demo().path, run.path)
    run.path.chmod(0o755)
    run.journal.chmod(0o644)
    context = context_of(run)
    request = HubRequest("file", "dataset", "x" * before + KEY, KEY, "p" * before + KEY)
    noted = SimpleNamespace(request=request, allowed=False, reason="r" * before + KEY)
    gate: Any = SimpleNamespace(port=1, noted=lambda: [noted])
    relay = Relay(tmp_path_factory.mktemp("s") / "relay", [])
    relay.start()
    try:
        network = Network(context, relay, None, gate, plan.start.secrets)
        for host in (f"{KEY}.example", f"a.{KEY.upper() if cased else KEY}.{'b' * 60}.example"):
            ask_relay(relay._folder, host)
        network.tell()
        network.save()
    finally:
        relay.close()
    output = run.path / "agent-output"
    said = {"type": "message", "text": "t" * before + KEY}
    output.write_text(json.dumps(said) + "\n" + "u" * before + KEY + "\n")
    reader = TraceReader(output, context, plan, lambda _: None)
    reader.read()
    reader.finish_turn()
    context.journal.close()
    output.unlink()
    written = [run.journal, run.hosts, write_report(run)]
    for text in (*(path.read_text() for path in written), report_text(run)):
        assert not shows(text)
        assert not shows(text.replace(KEY.lower(), KEY))
    assert threading.active_count() < 50
