"""An agent for ptb-lite: its plugin, and the program that works in the workspace."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from ptb_lite.agents.event_bounds import bounded, text_event
from ptb_lite.agents.protocol import AgentPlan, Readiness
from ptb_lite.agents.start import AgentStart
from ptb_lite.catalog.entries import AgentEntry
from ptb_lite.events import AgentEvent, AgentEventKind

NAME = "do-nothing"
PROGRAM = Path(__file__).resolve()
KINDS = {"said": AgentEventKind.MESSAGE, "ran": AgentEventKind.TOOL_CALL}


class Backend:
    """Starts the program below, and reads what it prints: one JSON object a line."""

    def command(self, start: AgentStart) -> list[str]:
        return [sys.executable, str(PROGRAM), str(start.prompt_file)]

    def environment(self, start: AgentStart) -> Mapping[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def read_line(self, line: bytes) -> tuple[AgentEvent, ...]:
        """What is no such object is plain text: an agent's output may be anything."""
        try:
            found = json.loads(line)
            return tuple(
                AgentEvent(kind=KINDS[key], text=bounded(str(text))) for key, text in found.items()
            )
        except (ValueError, RecursionError, AttributeError, KeyError):
            event = text_event(line)
            return () if event is None else (event,)


class Agent:
    """What the entry point names."""

    entry: AgentEntry | None = AgentEntry(
        id=NAME,
        title="Reads its task and trains nothing",
        backend=NAME,
        needs_account=False,
        needs_network=False,
        has_model=False,
    )
    session_files: tuple[str, ...] = ()
    program_files: tuple[str, ...] = ()

    def plan(self, entry: AgentEntry, start: AgentStart, environ: Mapping[str, str]) -> AgentPlan:
        return AgentPlan(Backend(), start, read_only=(PROGRAM,))

    def readiness(self, entry: AgentEntry, environ: Mapping[str, str]) -> Readiness:
        return Readiness(entry.id, installed=True, ready=True, message="installed")


AGENT = Agent()


def work(prompt_file: Path) -> None:
    """The program: runs inside the sandbox, in the workspace."""
    from ptb_lite.agents.own.prompt_only_main import write_identity_adapter
    from ptb_lite.evaluation.task_file import read_task

    print(json.dumps({"said": f"My task has {len(prompt_file.read_text())} characters."}))
    layers = write_identity_adapter(read_task(Path()))
    print(json.dumps({"ran": f"wrote an adapter of {layers} layers that changes nothing"}))


if __name__ == "__main__":
    work(Path(sys.argv[1]))
