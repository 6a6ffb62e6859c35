"""A command that outlasts a program's own limit ends in the foreground, with the real programs.

The limits that are lifted are minutes; here the same settings also put them to seconds, which shows
that each program knows its setting and goes by it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptb_lite.events import AgentEventKind, Outcome
from tests.functional.agents.model_server import model_server
from tests.functional.agents.test_real_programs import AGENTS, make_stage

# Codex gives every command ten seconds before its limit on waiting begins.
SECONDS = {"codex": 25}
# What is set for a run, and the same setting at a few seconds.
SHORT = {
    "claude-code": ("36000000", "3000"),
    "codex": ("terminal_max_timeout=36000000", "terminal_max_timeout=5000"),
    "gemini": ('"inactivityTimeout": 0', '"inactivityTimeout": 3'),
    "opencode": ("36000000", "3000"),
}


def _shorten(backend: object, lifted: str, short: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start its program with a limit of seconds."""
    command, environment = backend.command, backend.environment

    def shortened(start: Any) -> list[str]:
        return [each.replace(lifted, short) for each in command(start)]

    def told(start: Any) -> dict[str, str]:
        return {n: value.replace(lifted, short) for n, value in environment(start).items()}

    monkeypatch.setattr(backend, "command", shortened)
    monkeypatch.setattr(backend, "environment", told)


@pytest.mark.slow
@pytest.mark.parametrize("limited", [False, True], ids=["lifted", "limited"])
@pytest.mark.parametrize("agent", AGENTS)
def test_a_long_command_ends_in_the_foreground(
    agent: str, limited: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Claude Code refuses a plain `sleep`.
    wait = f"import time; time.sleep({SECONDS.get(agent, 10)}); print('trained')"
    with model_server(f'python3 -c "{wait}"', once=True) as server:
        stage = make_stage(agent, server, tmp_path, monkeypatch)
        if limited:
            _shorten(stage.plan.backend, *SHORT[agent], monkeypatch)
        ended, events = stage.run(stage.plan.backend.command(stage.plan.start))
    assert ended.outcome is Outcome.FINISHED, (ended, stage.said()[-3000:], stage.errors())
    told = [event.text for event in events if event.kind is AgentEventKind.TOOL_RESULT]
    # The model of Codex waits for a command that goes on: once, or again and again.
    whole = "trained" in "".join(told) and server.waits <= 1
    assert whole is not limited, (told, server.waits)
