"""How an agent's time is used: hung starts are ended, submissions timed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptb_lite.events import Outcome
from tests.functional.runner.agent_phase import agent_phase
from tests.functional.runner.conftest import Bench
from tests.functional.runner.waiting import slowdown


def test_an_agent_that_never_speaks_is_ended(bench: Bench) -> None:
    code = "submit()\nimport time\ntime.sleep(300)"
    end = agent_phase(bench, code, minutes=5.0, startup_minutes=0.1).end
    assert end.outcome is Outcome.FAILED
    assert end.detail == "ended by the runner: silent for the first 6 seconds"
    assert 5.0 < end.seconds < 20.0 * slowdown()
    assert end.idle_seconds == pytest.approx(300.0 - end.seconds)
    assert len(end.submissions) == 1


def test_an_agent_whose_key_is_refused_again_and_again_is_ended(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "codex"
    program.write_text(
        '#!/bin/sh\ncase "$1" in --version) echo codex-cli 0.142.0; exit;; esac\nwhile :; do\n'
        """echo '{"type":"error","message":"unexpected status 401 Unauthorized"}'\n"""
        "sleep 0.2\ndone\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("CODEX_API_KEY", "wrong")
    end = agent_phase(bench, "", agent="codex", network="full", minutes=5.0).end
    assert end.outcome is Outcome.FAILED
    assert "3 authentication errors in a row: unexpected status 401" in end.detail
    assert end.seconds < 20.0 * slowdown()


def test_each_submission_is_timed_and_an_agent_without_sessions_not_asked(bench: Bench) -> None:
    phase = agent_phase(
        bench,
        "import time\nprint('begun')\nsubmit()\ntime.sleep(4)\nsubmit(fill=0.02)\ntime.sleep(4)",
        on_early_stop="reprompt",
    )
    end = phase.end
    first, second = end.submissions
    assert 3.0 < second.seconds - first.seconds < 7.0 * slowdown()
    assert first.files == 2
    assert first.bytes > 1000
    assert end.silent_seconds >= 7.0
    assert len(end.turns) == 1
    assert any("no session to go on with" in text for text in phase.warnings())
