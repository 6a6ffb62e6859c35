"""The built-in agent's program, started as the runner starts it."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ptb_lite.agents.local.backend import LocalBackend
from ptb_lite.agents.start import AgentStart, Key
from ptb_lite.events import AgentEvent, AgentEventKind
from tests.functional.agents.chat_server import ChatServer
from tests.unit.workspace.test_prompt import task


@dataclass
class LocalProcess:
    """A workspace in which the agent's program is started."""

    folder: Path
    key: Key | None = None

    def start(
        self, chat: ChatServer, *resume: str, seconds: float = 60.0
    ) -> subprocess.Popen[bytes]:
        deadline = time.time() + seconds
        (self.folder / "task.json").write_text(
            task("sums").model_copy(update={"deadline": deadline}).model_dump_json()
        )
        (self.folder / "prompt.md").write_text("do the task")
        start = AgentStart(
            workspace=self.folder,
            prompt_file=self.folder / "prompt.md",
            model="stub",
            endpoint=chat.url,
            key=self.key,
        )
        backend = LocalBackend()
        command = backend.resume(start, resume[0]) if resume else backend.command(start)
        said = self.folder / "input"
        said.write_text(resume[1] if resume else "")
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
        return subprocess.Popen(
            command,
            stdin=said.open("rb"),
            cwd=self.folder,
            env={**environment, **backend.environment(start)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(
        self, chat: ChatServer, *resume: str, seconds: float = 60.0
    ) -> tuple[int, list[AgentEvent]]:
        process = self.start(chat, *resume, seconds=seconds)
        out, err = process.communicate(timeout=90)
        assert not err, err.decode()
        return process.returncode, events(out)


def events(output: bytes) -> list[AgentEvent]:
    return [e for line in output.splitlines() for e in LocalBackend().read_line(line)]


def texts(found: list[AgentEvent], kind: AgentEventKind) -> list[str]:
    return [event.text for event in found if event.kind is kind]
