"""Real processes under both kinds of isolation, found again by a marker they carry."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from ptb_lite.sandbox import (
    Ended,
    Sandbox,
    SandboxPlan,
    Supervised,
    interpreter_paths,
    start,
)
from tests.functional.runner import waiting

PATIENCE = 30.0
MARK = "PTB_LITE_TEST_MARK"


def wait_until(true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    waiting.wait_until(true, seconds, lambda: what, poll=0.01)


@dataclass
class Lab:
    """Starts commands in one isolation; every process of theirs carries `mark`."""

    isolation: Sandbox
    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.workspace = self.folder / "workspace"
        self.workspace.mkdir()
        self.stdout = self.folder / "stdout"
        self.stderr = self.folder / "stderr"

    def plan(self, network: Literal["off", "full"] = "off", **extra: str) -> SandboxPlan:
        environment = {"PATH": "/usr/bin:/bin", MARK: self.mark, **extra}
        return SandboxPlan(
            workspace=self.workspace,
            read_only=interpreter_paths(),
            environment=environment,
            network=network,
        )

    def start(
        self, command: list[str], deadline: float = PATIENCE, plan: SandboxPlan | None = None
    ) -> Supervised:
        plan = plan or self.plan()
        return start(
            self.isolation.wrap(command, plan),
            environment=plan.environment,
            cwd=self.workspace,
            deadline_seconds=deadline,
            stdout=self.stdout,
            stderr=self.stderr,
        )

    def run(
        self, command: list[str], deadline: float = PATIENCE, plan: SandboxPlan | None = None
    ) -> Ended:
        ended = self.start(command, deadline, plan).wait(deadline + PATIENCE)
        assert ended is not None
        return ended

    def python(self, source: str) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", source, self.mark]

    def living(self) -> list[psutil.Process]:
        """Processes of this lab that are alive: found by environment or command line."""
        found = []
        for process in psutil.process_iter():
            try:
                carries = self.mark in process.cmdline() or self.mark in process.environ().values()
                if carries and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def output(self) -> str:
        return self.stdout.read_text()

    def errors(self) -> str:
        return self.stderr.read_text()
