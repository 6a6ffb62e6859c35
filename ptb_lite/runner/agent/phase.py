"""The agent phase: a backend's command in a sandbox, on the clock, its output kept and read."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from ptb_lite import ledger_file
from ptb_lite.agents.protocol import AgentPlan
from ptb_lite.agents.registry import check_agent, plan_agent
from ptb_lite.audit.record import HarnessManifest
from ptb_lite.chat.masking import mask_line
from ptb_lite.evaluation.task_file import Task, uptime_in
from ptb_lite.events import AgentEnded, AgentStarted, Outcome, Phase
from ptb_lite.files import read_record, write_record
from ptb_lite.hardware.run_gpus import RunGpus, gpu_nodes, run_gpus
from ptb_lite.runner.agent.hub import agent_hub, close_hub
from ptb_lite.runner.agent.limits import agent_limits
from ptb_lite.runner.agent.network import agent_network
from ptb_lite.runner.agent.recording import record_plan, tell_unrecorded
from ptb_lite.runner.agent.secrets import agent_secrets, clear_secrets
from ptb_lite.runner.agent.session_flags import by_rules_of
from ptb_lite.runner.agent.turns import AgentTurns, Place
from ptb_lite.runner.auditing.live_audit import LiveAudit, live_audit
from ptb_lite.runner.context import AgentEnd, PhaseResult, Prepared, RunContext
from ptb_lite.runner.permissions import own_workspace
from ptb_lite.runner.phases.audit import case_of
from ptb_lite.runner.phases.prepare import task_of
from ptb_lite.runs.figures.overhead import read_overhead
from ptb_lite.sandbox import SANDBOX_HOME, SandboxPlan, interpreter_paths, sandbox
from ptb_lite.workspace.prepare import start_clock


def run_agent(context: RunContext) -> PhaseResult:
    """Give the workspace to the agent until it ends, is stopped, or its time is over.

    An agent phase that was cut off with its runner is not begun again, since the agent has used
    its time: it counts as interrupted, and the submission made so far is used.
    """
    context.check_stop()
    if context.run.agent_end.exists():
        own_workspace(context, context.until())
    clear_secrets(context)
    if context.run.agent_end.exists():
        close_hub(context.run)
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
    why = f" ({end.detail})" if end.detail else ""
    return PhaseResult(detail=f"agent: {end.outcome.value.replace('_', ' ')}{why}")


def _interrupted(context: RunContext) -> AgentEnd:
    begun = read_record(context.run.agent_end, AgentEnd)
    if begun.outcome is not None:
        return begun
    worked = read_overhead(context.run.journal).work.get(Phase.AGENT.value, 0.0)
    seconds = min(worked, begun.budget_seconds)
    return begun.model_copy(
        update={
            "outcome": Outcome.INTERRUPTED,
            "seconds": seconds,
            "idle_seconds": begun.budget_seconds - seconds,
            "detail": "the runner died while the agent worked; what it had submitted is used",
        }
    )


def _supervise(context: RunContext, plan: AgentPlan) -> AgentEnd:
    untested = check_agent(context.catalog.agent(context.spec.agent), os.environ).untested
    if untested:
        context.warn(untested)
    with agent_hub(context):
        return _work(context, plan).model_copy(update={"untested": untested})


def _work(context: RunContext, plan: AgentPlan) -> AgentEnd:
    prepared = read_record(context.run.prepared, Prepared)
    budget = context.spec.budget_minutes * 60
    begun, clock = time.time(), time.monotonic()
    task = task_of(context, prepared).model_copy(
        update={"deadline": begun + budget, "deadline_uptime": uptime_in(budget)}
    )
    manifest = start_clock(
        context.run.workspace, task, read_record(context.run.harness, HarnessManifest)
    )
    write_record(context.run.harness, manifest)
    context.run.trace.mkdir(exist_ok=True)
    box = sandbox(context.spec.sandbox)
    own = run_gpus() if task.device == "cuda" else None
    write_record(context.run.agent_end, AgentEnd(started=begun, budget_seconds=budget))
    context.journal.write(
        AgentStarted(
            backend=context.spec.agent,
            sandbox=box.name,
            budget_seconds=budget,
            deadline=context.journal.now() + timedelta(seconds=budget),
        )
    )
    with (
        agent_secrets(context, plan) as if_orphaned,
        agent_network(context, plan) as network,
    ):
        with agent_limits(context) as limits:
            sandbox_plan = SandboxPlan(
                workspace=context.run.workspace,
                read_only=(
                    *interpreter_paths(),
                    prepared.base_model,
                    *plan.read_only,
                    *context.spec.read_only,
                ),
                environment={**_environment(context, task, plan, own), **network.environment},
                network=context.spec.network,
                gpu=task.device == "cuda",
                gpu_nodes=gpu_nodes(own) if own is not None else None,
                relay=network.plan,
                limits=limits.plan,
                wait=True,
                record=record_plan(context, (prepared.base_model, *plan.read_only)),
            )
            place = Place(
                task=task,
                box=box,
                plan=sandbox_plan,
                began=begun,
                clock=clock,
                budget_seconds=budget,
                network=network,
                limits=limits,
                if_orphaned=(*if_orphaned, *limits.if_orphaned()),
            )
            with live_audit(lambda: _live_audit(context, plan)):
                end = AgentTurns(context, plan, place).run()
        # Before anything reads what it left, first of all what looks for its secrets; and once
        # nobody measures it any more: beside that thread each file waited for the interpreter.
        own_workspace(context, context.until())
        tell_unrecorded(context)
        return end


def _live_audit(context: RunContext, plan: AgentPlan) -> LiveAudit:
    def mask(text: str) -> str:
        return mask_line(text.encode(), plan.start.secrets).decode()

    backend = context.catalog.agent(context.spec.agent).backend
    return LiveAudit(
        case_of(context, None),
        context.journal.write,
        mask,
        adjust=by_rules_of(backend, context.spec.feedback),
    )


def _environment(
    context: RunContext, task: Task, plan: AgentPlan, gpus: RunGpus | None
) -> dict[str, str]:
    """All that the agent's environment holds: nothing of the host's is inherited."""
    own = [str(Path(sys.executable).parent), *map(str, plan.folders)]
    isolated = sandbox(context.spec.sandbox).isolates
    binaries = [*own, "/usr/local/bin", "/usr/bin", "/bin"]
    environment = {
        "PATH": os.pathsep.join(binaries),
        "HOME": SANDBOX_HOME if isolated else str(context.run.workspace),
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HOME": str(context.run.hub_private),
        ledger_file.VARIABLE: str(context.run.workspace.absolute() / ledger_file.NAME),
    }
    if context.spec.network not in ("full", "hub"):
        # Else the Hub's client gives up at a proxy that refuses it, also what its cache holds.
        environment["HF_HUB_OFFLINE"] = "1"
    if task.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    elif gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpus.visible
    elif named := os.environ.get("CUDA_VISIBLE_DEVICES"):
        # The driver could not say which these are: all are shown, the choice stays.
        environment["CUDA_VISIBLE_DEVICES"] = named
    return {**environment, **plan.backend.environment(plan.start)}
