"""The agent phase: a backend's command in a sandbox, on the clock, its output kept and read."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from ptb_lite.agents.backend import AgentPlan, plan_agent
from ptb_lite.agents.reading import LineSplitter
from ptb_lite.audit.model import HarnessManifest
from ptb_lite.evaluation.task_file import Task
from ptb_lite.events import (
    AgentEnded,
    AgentEvent,
    AgentEventKind,
    AgentSpoke,
    AgentStarted,
    Outcome,
)
from ptb_lite.runner.context import AgentEnd, PhaseResult, Prepared, RunContext
from ptb_lite.runner.phases.prepare import task_of
from ptb_lite.runs.atomic import read_record, write_record
from ptb_lite.sandbox import SANDBOX_HOME, SandboxPlan, interpreter_paths, sandbox, start
from ptb_lite.workspace.prepare import start_clock

POLL_SECONDS = 0.1
# A journal is read whole by every view; what comes after so many events stays in the trace alone.
MAX_EVENTS = 100_000


def run_agent(context: RunContext) -> PhaseResult:
    """Give the workspace to the agent until it ends, is stopped, or its time is over.

    An agent phase that was cut off with its runner is not begun again, since the agent has used
    its time: it counts as interrupted, and the submission made so far is used.
    """
    context.check_stop()
    if context.run.agent_end.exists():
        end = _interrupted(context)
    else:
        end = _supervise(
            context,
            plan_agent(
                context.catalog.agent(context.spec.agent),
                workspace=context.run.workspace,
                model=context.spec.agent_model,
            ),
        )
    write_record(context.run.agent_end, end)
    assert end.outcome is not None
    context.journal.write(
        AgentEnded(
            outcome=end.outcome,
            exit_code=end.exit_code,
            seconds=end.seconds,
            detail=end.detail,
        )
    )
    # However the agent ended, what it left is sealed and scored: the phase itself is finished.
    return PhaseResult(detail=f"agent: {end.outcome.value.replace('_', ' ')}")


def _interrupted(context: RunContext) -> AgentEnd:
    begun = read_record(context.run.agent_end, AgentEnd)
    if begun.outcome is not None:
        return begun
    output = context.run.trace / "stdout.log"
    last = output.stat().st_mtime if output.exists() else begun.started
    return begun.model_copy(
        update={
            "outcome": Outcome.INTERRUPTED,
            "seconds": min(max(0.0, last - begun.started), begun.budget_seconds),
            "detail": "the runner died while the agent worked; what it had submitted is used",
        }
    )


def _supervise(context: RunContext, plan: AgentPlan) -> AgentEnd:
    prepared = read_record(context.run.prepared, Prepared)
    budget = context.spec.budget_minutes * 60
    begun = time.time()
    task = task_of(context, prepared).model_copy(update={"deadline": begun + budget})
    manifest = start_clock(
        context.run.workspace, task, read_record(context.run.harness, HarnessManifest)
    )
    write_record(context.run.harness, manifest)
    context.run.trace.mkdir(exist_ok=True)
    output = context.run.trace / "stdout.log"
    box = sandbox(context.spec.sandbox)
    write_record(context.run.agent_end, AgentEnd(started=begun, budget_seconds=budget))
    context.journal.write(
        AgentStarted(
            backend=context.spec.agent,
            sandbox=box.name,
            budget_seconds=budget,
            deadline=datetime.fromtimestamp(begun + budget, UTC),
        )
    )
    environment = _environment(context, task, plan)
    supervised = start(
        box.wrap(
            plan.backend.command(plan.start),
            SandboxPlan(
                workspace=context.run.workspace,
                read_only=(*interpreter_paths(), prepared.base_model, *plan.read_only),
                environment=environment,
                network=context.spec.network,
                gpu=task.device == "cuda",
            ),
        ),
        environment=environment,
        cwd=context.run.workspace,
        deadline_seconds=budget,
        stdout=output,
        stderr=context.run.trace / "stderr.log",
    )
    reader = _TraceReader(output, context, plan)
    stopped = False
    while (ended := supervised.poll()) is None:
        reader.read()
        if context.stop.is_set() and not stopped:
            supervised.stop()
            stopped = True
        time.sleep(POLL_SECONDS)
    reader.finish()
    if stopped:
        # That was the stop of the agent: what it submitted is still sealed, audited and scored.
        context.stop.clear()
    return AgentEnd(
        started=begun,
        budget_seconds=budget,
        outcome=ended.outcome,
        exit_code=ended.exit_code,
        seconds=min(ended.seconds, budget),
        detail=ended.detail,
    )


def _environment(context: RunContext, task: Task, plan: AgentPlan) -> dict[str, str]:
    """All that the agent's environment holds: nothing of the host's is inherited."""
    own = [str(Path(sys.executable).parent), *map(str, plan.folders)]
    binaries = [*own, "/usr/local/bin", "/usr/bin", "/bin"]
    environment = {
        "PATH": os.pathsep.join(binaries),
        "HOME": SANDBOX_HOME if context.spec.sandbox != "none" else str(context.run.workspace),
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if context.spec.network == "off":
        environment["HF_HUB_OFFLINE"] = "1"
    if task.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return {**environment, **plan.backend.environment(plan.start)}


class _TraceReader:
    """Follows the agent's raw output while it grows, and journals what it says."""

    def __init__(self, path: Path, context: RunContext, plan: AgentPlan) -> None:
        self._path = path
        self._context = context
        self._plan = plan
        self._offset = 0
        self._told = 0
        self._unknown = 0
        self._splitter = LineSplitter()

    def read(self, limit: int = 1 << 22) -> None:
        """Journal what came since the last call, `limit` bytes of it at most."""
        if not self._path.exists() or self._told >= MAX_EVENTS:
            return
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            chunk = stream.read(limit)
        self._offset += len(chunk)
        self._tell(self._splitter.feed(chunk))

    def finish(self) -> None:
        """Journal the rest, with a last line that has no line end."""
        while self._told < MAX_EVENTS and self._offset < self._path.stat().st_size:
            self.read()
        self._tell(self._splitter.rest())
        if self._unknown:
            self._context.warn(f"{self._unknown} lines of the agent's output were not understood")

    def _tell(self, lines: list[bytes]) -> None:
        for line in lines:
            for event in self._plan.read_line(line):
                self._tell_one(event)

    def _tell_one(self, event: AgentEvent) -> None:
        if self._told >= MAX_EVENTS:
            return
        self._unknown += event.kind is AgentEventKind.UNKNOWN
        self._context.journal.write(AgentSpoke(event=event))
        self._told += 1
        if self._told == MAX_EVENTS:
            self._context.warn(
                f"the agent's events after the first {MAX_EVENTS} are in trace/ only"
            )
