"""`doctor --call`: one word from a model, against servers on loopback."""

from __future__ import annotations

import json

import pytest

from ptb_lite.catalog import load_catalog
from ptb_lite.cli import main
from ptb_lite.errors import PtbLiteError
from ptb_lite.runner.model_check import call_agent
from ptb_lite.sandbox import sandbox
from tests.functional.agents.chat_server import Answer, chat_server, says
from tests.functional.agents.model_server import DONE, model_server
from tests.functional.runner.test_real_agent import KEY, prepare


def test_the_local_agents_model_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with chat_server(says("OK")) as chat, pytest.raises(SystemExit) as ended:
        main(["doctor", "--call", "local", "--agent-model", f"stub@{chat.url}", "--json"])
    checks = json.loads(capsys.readouterr().out)
    assert checks[-1]["name"] == "call of local"
    assert checks[-1]["status"] == "ok"
    assert checks[-1]["message"].startswith("OK (")
    assert len(chat.requests) == 1
    assert ended.value.code == (1 if any(check["status"] == "fail" for check in checks) else 0)


def test_a_refused_key_is_said_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_API_KEY", KEY)
    refusal = Answer(json.dumps({"error": f"wrong key {KEY}"}).encode(), status=401)
    with chat_server(refusal) as chat:
        called = call_agent(load_catalog().agent("local"), model=f"stub@{chat.url}")
    assert not called.works
    assert "refuses the key" in called.message
    assert KEY not in called.message


def test_an_agent_without_a_model_cannot_be_called() -> None:
    with pytest.raises(PtbLiteError, match="has no model to call"):
        call_agent(load_catalog().agent("recipe"), model=None)


@pytest.mark.parametrize(
    "agent",
    [
        *("claude-code", "codex"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("gemini", "opencode")),
    ],
)
def test_a_real_program_is_called_in_the_sandbox(
    agent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if problem := sandbox("bubblewrap").problem():
        pytest.skip(problem)
    # The stub calls its tool first and then says that it is done: more than a model would do.
    with model_server("true") as server:
        model = prepare(agent, server.url, monkeypatch)
        called = call_agent(load_catalog().agent(agent), model=model)
        assert called.works, called.message
        assert called.message == DONE
        assert server.keys == {KEY}


def test_a_real_program_with_a_wrong_key(monkeypatch: pytest.MonkeyPatch) -> None:
    if problem := sandbox("bubblewrap").problem():
        pytest.skip(problem)
    with model_server("true", refuses=True) as server:
        model = prepare("codex", server.url, monkeypatch)
        called = call_agent(load_catalog().agent("codex"), model=model, seconds=20.0)
    assert not called.works
    assert "401" in called.message
