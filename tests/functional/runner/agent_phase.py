"""The agent phase by itself, in this process: a run without the minutes that scoring takes."""

from __future__ import annotations

from dataclasses import dataclass

from ptb_lite.catalog.loader import load_catalog
from ptb_lite.events import AgentEventKind, AgentSpoke, Warned
from ptb_lite.files import read_record, write_record
from ptb_lite.runner.agent.phase import run_agent
from ptb_lite.runner.context import AgentEnd, RunContext
from ptb_lite.runner.phases.prepare import prepare
from ptb_lite.runs.folder import RunFolder, new_run_folder
from ptb_lite.runs.journal import JournalWriter, read_journal
from ptb_lite.spec.run_spec import resolve_spec
from tests.functional.runner.conftest import SUBMIT, Bench


@dataclass(frozen=True)
class AgentPhase:
    """A run whose agent has been there."""

    run: RunFolder

    @property
    def end(self) -> AgentEnd:
        return read_record(self.run.agent_end, AgentEnd)

    def payloads(self) -> list[object]:
        return [event.payload for event in read_journal(self.run.journal).events]

    def warnings(self) -> list[str]:
        return [payload.message for payload in self.payloads() if isinstance(payload, Warned)]

    def said(self, kind: AgentEventKind) -> str:
        spoken = [p.event for p in self.payloads() if isinstance(p, AgentSpoke)]
        return "\n".join(event.text for event in spoken if event.kind is kind)

    def printed(self) -> str:
        return (self.run.trace / "stdout.log").read_text(errors="replace")


def prepared_run(bench: Bench, code: str | list[str], **overrides: object) -> RunContext:
    """A run, prepared, whose agent runs `code` as in `Bench.start`; close its journal."""
    command = ["python", "-c", SUBMIT + code] if isinstance(code, str) else code
    choices = {
        "model": "tiny",
        "agent": overrides.get("agent") or bench.agent(command),
        "benchmarks": ("add-numbers",),
        "minutes": 1.0,
        "on_early_stop": "accept",
        **overrides,
    }
    catalog = load_catalog()
    spec = resolve_spec(preset=None, overrides=choices, catalog=catalog)
    run = new_run_folder(bench.runs_dir)
    write_record(run.spec, spec)
    context = RunContext(run, spec, catalog, JournalWriter(run.journal))
    prepare(context)
    return context


def agent_phase(bench: Bench, code: str | list[str], **overrides: object) -> AgentPhase:
    """A run up to the end of its agent."""
    context = prepared_run(bench, code, **overrides)
    try:
        run_agent(context)
    finally:
        context.journal.close()
    return AgentPhase(context.run)
