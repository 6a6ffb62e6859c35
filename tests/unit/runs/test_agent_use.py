"""What a run says that its agent used is what the programs' hour told, all processes together."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ptb_lite.agents.claude_code import ClaudeCodeBackend
from ptb_lite.events import AgentEvent, AgentEventKind, AgentSpoke
from ptb_lite.runs.figures.agent_use import AgentUse, read_agent_use
from ptb_lite.runs.journal import JournalWriter
from tests.unit.agents.streams import ClaudeHour


def test_an_hour_adds_up(tmp_path: Path) -> None:
    hour, backend = ClaudeHour(), ClaudeCodeBackend()
    with closing(JournalWriter(tmp_path / "journal.jsonl")) as journal:
        for line in hour.encoded():
            for event in backend.read_line(line):
                journal.write(AgentSpoke(event=event))
    used = read_agent_use(tmp_path / "journal.jsonl")
    assert (used.input_tokens, used.output_tokens) == hour.tokens
    assert used.cost_usd == pytest.approx(hour.cost)
    assert used.words().endswith(f"{hour.tokens[1]:,.0f} out; $2.50")


def test_what_was_not_told_is_not_said(tmp_path: Path) -> None:
    with closing(JournalWriter(tmp_path / "journal.jsonl")) as journal:
        assert read_agent_use(tmp_path / "journal.jsonl").words() == ""
        data = {"input_tokens": 10.0, "output_tokens": 2.0, "uncounted": 1.0}
        used = AgentEvent(kind=AgentEventKind.USAGE, text="", data=data)
        journal.write(AgentSpoke(event=used))
        journal.write(AgentSpoke(event=used))
    assert read_agent_use(tmp_path / "journal.jsonl").words() == "20 in, 4 out"
    priced = AgentUse(input_tokens=1e6, output_tokens=5, cost_usd=1.234, cost_estimated=True)
    assert priced.words() == "1,000,000 in, 5 out; $1.23, estimated"
