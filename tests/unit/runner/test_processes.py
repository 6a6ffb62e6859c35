"""The agent's living processes, seen from outside its sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ptb_lite.runner.agent.processes import AgentProcesses
from ptb_lite.sandbox import SandboxPlan
from ptb_lite.sandbox.none import NONE


def _below(pid: int, folder: Path) -> AgentProcesses:
    return AgentProcesses(NONE, SandboxPlan(folder, (), {}), pid)


def test_they_are_told_by_their_command_lines(tmp_path: Path) -> None:
    told = [sys.executable, "-c", "input()", "told-by-this"]
    with subprocess.Popen(told, stdin=subprocess.PIPE) as child:
        found = _below(os.getpid(), tmp_path).commands()
        child.communicate(b"\n")
    assert found is not None
    assert any("told-by-this" in command for command in found)


def test_below_a_process_that_is_gone_there_is_none(tmp_path: Path) -> None:
    gone = _below(2**22 - 1, tmp_path)
    assert gone.commands() == []
    assert gone.cpu_seconds() == (0.0, True)
