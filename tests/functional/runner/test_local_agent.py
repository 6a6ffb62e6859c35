"""The built-in agent in a whole run, in the sandbox, asking a server on the host's loopback."""

from __future__ import annotations

import pytest

from ptb_lite.events import AgentEventKind, AgentSpoke, Outcome, Verdict, Warned
from ptb_lite.files import read_record
from ptb_lite.runner.context import AgentEnd
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


def test_a_run_from_prompt_to_score_asked_on_until_it_does_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_LITE_API_KEY", SECRET)
    submit = f"python - <<'END'\n{SUBMIT}\nsubmit()\nEND\nls; env"
    script = (calls("touch first"), says("done"), calls(submit), says("done again"))
    with chat_server(*script) as chat:
        run = bench.run(
            "",
            agent="local",
            agent_model=f"stub@{chat.url}",
            network="model-only",
            minutes=5.0,
            on_early_stop="reprompt",
        )
    assert run.read_status().outcome is Outcome.FINISHED, run.read_status().detail
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid, scores.submission_reason
    assert scores.verdict is Verdict.CLEAN, scores.verdict_reason
    assert chat.headers[0]["authorization"] == f"Bearer {SECRET}"
    for path in run.path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    result = spoken(run, AgentEventKind.TOOL_RESULT)[-1]
    assert "final_model" in result
    assert "left]" in result

    # Two turns of work, then three in which it does nothing.
    end = read_record(run.agent_end, AgentEnd)
    assert [turn.outcome for turn in end.turns] == [Outcome.FINISHED] * 5
    assert scores.time.agent_outcome is Outcome.FINISHED
    assert (scores.time.turns, len(scores.time.submissions)) == (5, 1)
    assert scores.time.idle_seconds == end.idle_seconds > 100.0
    assert scores.time.idle_seconds + scores.time.agent_seconds == pytest.approx(300.0)
    told = [e.payload for e in read_journal(run.journal).events]
    warned = [payload.message for payload in told if isinstance(payload, Warned)]
    assert len([text for text in warned if "asked to go on" in text]) == 4
    assert "does nothing when asked" in warned[-1]

    # One conversation: the last request holds everything since the prompt.
    said = [m["content"] for m in chat.requests[-1]["messages"] if m["role"] == "user"]
    assert said[0].startswith("# Your task")
    reprompts = [text for text in said if text.startswith("You have ended, but your time has not")]
    assert len(reprompts) == 4
    for reprompt in reprompts:
        assert " left. Go on and use it." in reprompt
        assert "2. **No test data.**" in reprompt
