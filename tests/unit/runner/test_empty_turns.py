"""Turns in which an agent did nothing are counted in a row."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptb_lite.runner.agent.empty_turns import MAX_EMPTY_TURNS, EmptyTurns
from ptb_lite.runner.agent.submissions import NOT_WORK

WORK = {
    "a new file": lambda folder: (folder / "train.py").write_text("x"),
    "a file that grew": lambda folder: (folder / "notes.md").write_text("longer than before"),
    "a file that went": lambda folder: (folder / "notes.md").unlink(),
    "a file further down": lambda folder: (folder / "final_model" / "a.bin").write_text("x"),
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "final_model").mkdir()
    (tmp_path / "notes.md").write_text("x")
    return tmp_path


def test_so_many_turns_without_a_tool_call_are_enough(workspace: Path) -> None:
    turns = EmptyTurns(workspace)
    assert [turns.end(0) for _ in range(MAX_EMPTY_TURNS)] == [False] * (MAX_EMPTY_TURNS - 1) + [
        True
    ]


def test_calls_that_change_nothing_are_no_work_when_asked(workspace: Path) -> None:
    """The first turn may look around."""
    turns = EmptyTurns(workspace)
    assert [turns.end(5) for _ in range(MAX_EMPTY_TURNS + 1)] == [False] * MAX_EMPTY_TURNS + [True]


@pytest.mark.parametrize("work", WORK)
def test_work_begins_the_count_anew(workspace: Path, work: str) -> None:
    turns = EmptyTurns(workspace)
    for _ in range(MAX_EMPTY_TURNS):
        assert not turns.end(1)
    WORK[work](workspace)
    assert [turns.end(1) for _ in range(MAX_EMPTY_TURNS)] == [False] * MAX_EMPTY_TURNS


def test_what_the_program_writes_for_itself_is_no_work(workspace: Path) -> None:
    own = workspace / sorted(NOT_WORK)[0]
    own.mkdir()
    turns = EmptyTurns(workspace)
    for count in range(MAX_EMPTY_TURNS + 1):
        (own / f"session-{count}").write_text("x")
        enough = turns.end(1)
    assert enough
