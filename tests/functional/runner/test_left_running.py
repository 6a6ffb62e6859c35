"""An agent ends its turn while something of its own still runs, or never exits at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ptb_lite.events import Outcome
from ptb_lite.runner.agent import left_running
from tests.functional.runner.agent_phase import agent_phase
from tests.functional.runner.conftest import SUBMIT, Bench
from tests.functional.sandbox.engines import usable_podman
from tests.functional.sandbox.fake_engine import fake_engine

# Like Claude Code: reads its prompt, works, says its result. What it does then is the test's.
PROGRAM = """#!/bin/sh
cat >"input-$#.txt"
case "$1" in --version) echo "2.1.332 (Claude Code)"; exit;; esac
echo '{"type":"system","subtype":"init","session_id":"s-1","model":"m"}'
echo '{"type":"assistant","message":{"id":"m","content":[{"type":"tool_use","name":"Bash"}]}}'
echo '{"type":"result","subtype":"success","is_error":false,"usage":{}}'
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-0123456789abcdef")
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    return folder / "claude"


def install(program: Path, more: str) -> None:
    program.write_text(PROGRAM + more)
    program.chmod(0o755)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_running, "MEASURE_SECONDS", 0.5)
    monkeypatch.setattr(left_running, "EXIT_SECONDS", 4.0)
    monkeypatch.setattr(left_running, "IDLE_SECONDS", 8.0)


def test_a_training_in_the_background_is_waited_for(bench: Bench) -> None:
    script = bench.config / "train.py"
    script.write_text(SUBMIT + "import time; time.sleep(6); submit()")
    command = ["sh", "-c", 'setsid python "$0" >train.log 2>&1 &', str(script)]
    phase = agent_phase(bench, command)
    assert phase.end.outcome is Outcome.FINISHED
    assert phase.end.submissions, (phase.run.workspace / "train.log").read_text()
    assert phase.end.seconds > 6
    assert any("1 of its processes were running" in text for text in phase.warnings())


@pytest.fixture(params=["bubblewrap", "docker", "podman"])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Docker is a stand-in, whose service starts what it is asked for; podman must work here."""
    name = str(request.param)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        if name == "docker":
            folder = stack.enter_context(fake_engine(tmp_path / "engine"))
            patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        elif name == "podman":
            if (settings := usable_podman(tmp_path)) is None:
                pytest.skip("podman is not installed, or cannot start a container here")
            patch.setenv("CONTAINERS_CONF", settings)
        yield name


@pytest.mark.usefixtures("impatient")
def test_what_does_nothing_is_not_waited_for(bench: Bench, box: str) -> None:
    busy = "timeout 12 sh -c 'while :; do :; done'; touch worked"
    left = f"({busy}) & sleep 1000 & tail -f /dev/null & true"
    phase = agent_phase(bench, ["sh", "-c", left], sandbox=box)
    assert (phase.run.workspace / "worked").exists()
    assert phase.end.outcome is Outcome.FINISHED
    assert "left running did nothing" in phase.end.detail
    assert phase.end.idle_seconds > 10


@pytest.mark.usefixtures("impatient")
def test_a_program_that_never_exits_is_ended_and_the_rest_is_unused(
    bench: Bench, program: Path
) -> None:
    install(program, "exec sleep 1000\n")
    phase = agent_phase(bench, "", agent="claude-code", network="model-only")
    assert phase.end.outcome is Outcome.FINISHED
    assert "did not exit" in phase.end.detail
    assert phase.end.idle_seconds > 30


def test_the_agent_is_told_what_became_of_what_it_left(bench: Bench, program: Path) -> None:
    install(program, "(sleep 3; exit 3) & exit 0\n")
    phase = agent_phase(
        bench, "", agent="claude-code", network="model-only", minutes=0.3, on_early_stop="reprompt"
    )
    told = [path.read_text() for path in phase.run.workspace.glob("input-*.txt")]
    assert any(text.startswith("# Your task") for text in told)
    (reprompt,) = (text for text in told if text.startswith("You have ended"))
    assert "it ended with exit code 3" in reprompt
    assert len(phase.end.turns) >= 2


def test_a_rate_limit_is_the_agents_end(bench: Bench, program: Path) -> None:
    info = '{"status":"rejected","resetsAt":1795900000,"rateLimitType":"five_hour"}'
    line = '{"type":"rate_limit_event","rate_limit_info":' + info + "}"
    install(program, f"echo '{line}'\nexit 1\n")
    phase = agent_phase(bench, "", agent="claude-code", network="model-only")
    assert phase.end.outcome is Outcome.RATE_LIMITED
    assert "begins anew at 2026-11-28 21:06 UTC" in phase.end.detail
    assert len(phase.end.turns) == 1
