"""The built-in agent in a whole run, in the sandbox, asking a server on the host's loopback."""

from __future__ import annotations

import pytest

from ptb_lite.events import AgentEventKind, AgentSpoke, Outcome, Verdict
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from tests.functional.agents.chat_server import calls, chat_server, says
from tests.functional.runner.conftest import SUBMIT, Bench

SECRET = "sk-not-for-the-run"


def spoken(run: RunFolder, kind: AgentEventKind) -> list[str]:
    events = [
        e.payload.event
        for e in read_journal(run.journal).events
        if isinstance(e.payload, AgentSpoke)
    ]
    return [event.text for event in events if event.kind is kind]


def test_a_run_from_prompt_to_score(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_LITE_API_KEY", SECRET)
    submit = f"python - <<'END'\n{SUBMIT}\nsubmit()\nEND\nls; env"
    with chat_server(calls(submit), says("submitted")) as chat:
        run = bench.run("", agent="local", agent_model=f"stub@{chat.url}", network="model-only")
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.time.agent_outcome is Outcome.FINISHED
    assert (scores.time.turns, len(chat.requests)) == (1, 2)
    assert len(scores.time.submissions) == 1
    assert scores.submission_valid, scores.submission_reason
    assert scores.verdict is Verdict.CLEAN, scores.verdict_reason
    assert "# Your task" in chat.requests[0]["messages"][1]["content"]
    assert chat.headers[0]["authorization"] == f"Bearer {SECRET}"
    (result,) = spoken(run, AgentEventKind.TOOL_RESULT)
    assert "final_model" in result
    assert "left]" in result
    assert spoken(run, AgentEventKind.END) == ["200 tokens in, 20 out"]
    for path in run.path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
