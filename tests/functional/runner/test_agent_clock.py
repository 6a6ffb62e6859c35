"""How an agent's time is used: hung starts are ended, early ends asked on, submissions timed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptb_lite.events import Outcome, Warned
from ptb_lite.files import read_record
from ptb_lite.runner.context import AgentEnd
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import read_journal
from tests.functional.agents.chat_server import calls, chat_server, says
from tests.functional.runner.conftest import SUBMIT, Bench

HAND_IN = f"python - <<'END'\n{SUBMIT}\nsubmit()\nEND"


def agent_end(run: RunFolder) -> AgentEnd:
    return read_record(run.agent_end, AgentEnd)


def warnings(run: RunFolder) -> list[str]:
    events = read_journal(run.journal).events
    return [e.payload.message for e in events if isinstance(e.payload, Warned)]


def test_an_agent_that_never_speaks_is_ended_and_the_run_goes_on(bench: Bench) -> None:
    run = bench.run("submit()\nimport time\ntime.sleep(300)", minutes=5.0, startup_minutes=0.1)
    end = agent_end(run)
    assert end.outcome is Outcome.FAILED
    assert end.detail == "ended by the runner: silent for the first 6 seconds"
    assert 5.0 < end.seconds < 20.0
    assert end.idle_seconds == pytest.approx(300.0 - end.seconds)
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid
    assert scores.time.agent_outcome is Outcome.FAILED
    assert any("silent for the first" in ended.detail for ended in run.read_status().phases)


def test_an_agent_whose_key_is_refused_again_and_again_is_ended(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "codex"
    program.write_text(
        "#!/bin/sh\nwhile :; do\n"
        """echo '{"type":"error","message":"unexpected status 401 Unauthorized"}'\n"""
        "sleep 0.2\ndone\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("CODEX_API_KEY", "wrong")
    run = bench.run("", agent="codex", network="full", minutes=5.0)
    end = agent_end(run)
    assert end.outcome is Outcome.FAILED
    assert "3 authentication errors in a row: unexpected status 401" in end.detail
    assert end.seconds < 20.0


def test_each_submission_is_timed_and_an_agent_without_sessions_not_asked(bench: Bench) -> None:
    run = bench.run(
        "import time\nprint('begun')\nsubmit()\ntime.sleep(4)\nsubmit(fill=0.02)\ntime.sleep(4)",
        on_early_stop="reprompt",
    )
    end = agent_end(run)
    first, second = end.submissions
    assert 3.0 < second.seconds - first.seconds < 7.0
    assert first.files == 2
    assert first.bytes > 1000
    assert end.silent_seconds >= 7.0
    assert len(end.turns) == 1
    assert any("no session to go on with" in text for text in warnings(run))
    scores = run.read_scores()
    assert scores is not None
    assert scores.time.submissions == (first.seconds, second.seconds)
    assert scores.time.idle_seconds == end.idle_seconds
    assert scores.time.idle_seconds + scores.time.agent_seconds == pytest.approx(60.0)


def test_an_agent_that_ends_early_goes_on_in_its_session_with_the_rules_again(
    bench: Bench,
) -> None:
    script = (
        calls("touch first"),
        says("done"),
        calls(HAND_IN),
        says("done again"),
        calls("sleep 300"),
    )
    with chat_server(*script) as chat:
        run = bench.run(
            "",
            agent="local",
            agent_model=f"stub@{chat.url}",
            network="full",
            minutes=0.5,
            on_early_stop="reprompt",
        )
    end = agent_end(run)
    assert end.outcome is Outcome.TIME_EXCEEDED
    assert [turn.outcome for turn in end.turns] == [
        *(Outcome.FINISHED, Outcome.FINISHED),
        Outcome.TIME_EXCEEDED,
    ]
    assert end.seconds <= 30.0
    assert end.idle_seconds < 5.0
    # One conversation: the last request holds everything since the prompt.
    said = [m["content"] for m in chat.requests[-1]["messages"] if m["role"] == "user"]
    assert len(said) == 3
    assert said[0].startswith("# Your task")
    for reprompt in said[1:]:
        assert reprompt.startswith("You have ended, but your time has not")
        assert "seconds left" in reprompt
        assert "2. **No test data.**" in reprompt
    assert len([w for w in warnings(run) if "asked to go on" in w]) == 2
    scores = run.read_scores()
    assert scores is not None
    assert scores.submission_valid
    assert scores.time.turns == 3
    assert len(scores.time.submissions) == 1


def test_an_agent_that_does_nothing_when_asked_is_let_go(bench: Bench) -> None:
    with chat_server(calls(HAND_IN), says("I am done.")) as chat:
        run = bench.run(
            "",
            agent="local",
            agent_model=f"stub@{chat.url}",
            network="full",
            minutes=5.0,
            on_early_stop="reprompt",
        )
    end = agent_end(run)
    assert end.outcome is Outcome.FINISHED
    assert len(end.turns) == 4
    assert end.idle_seconds > 200.0
    assert "does nothing when asked" in warnings(run)[-1]
