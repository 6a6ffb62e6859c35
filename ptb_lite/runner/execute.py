"""The phases of a run in order, each ending with a named outcome in journal and status."""

from __future__ import annotations

import hashlib
import os
import socket
import time
import traceback
from collections.abc import Callable, Mapping

import ptb_lite
from ptb_lite.errors import PtbLiteError
from ptb_lite.events import (
    Outcome,
    Phase,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunResumed,
    RunStarted,
)
from ptb_lite.files import read_record, write_record
from ptb_lite.moments import process_began, this_moment
from ptb_lite.runner.agent.phase import run_agent
from ptb_lite.runner.context import AgentEnd, PhaseResult, RunContext, RunStopped
from ptb_lite.runner.device_watch import DeviceWatch
from ptb_lite.runner.phases.audit import audit
from ptb_lite.runner.phases.evaluations import baseline, evaluate
from ptb_lite.runner.phases.prepare import prepare
from ptb_lite.runner.phases.report import report
from ptb_lite.runner.phases.seal import seal
from ptb_lite.runner.spare_room import SpareRoom, is_full
from ptb_lite.runs.records import PhaseEnd, Status
from ptb_lite.text import duration

PHASES: Mapping[Phase, Callable[[RunContext], PhaseResult]] = {
    Phase.PREPARE: prepare,
    Phase.BASELINE: baseline,
    Phase.AGENT: run_agent,
    Phase.SEAL: seal,
    Phase.AUDIT: audit,
    Phase.EVALUATE: evaluate,
    Phase.REPORT: report,
}


def execute(context: RunContext) -> Outcome:
    """Run every phase that has not finished yet; returns how the run ended.

    A run with all phases done has finished, or was interrupted where its agent lost a part of its
    time. An expected error ends the run as failed with its sentence; an unexpected one too, and its
    traceback goes to the runner's log. Status and journal say so in every case, a full disk
    included.
    """
    with SpareRoom(context.run.path) as spare:
        try:
            return _execute(context)
        except OSError as error:
            if not is_full(error):
                raise
            spare.release()
            status = context.run.read_status()
            at = f"{status.phase.value}: " if status.phase else ""
            detail = f"{at}{context.run.path}: {error.strerror}"
            return _end(context, status, Outcome.FAILED, detail)


def _execute(context: RunContext) -> Outcome:
    status = _claim(context)
    outcome, detail = Outcome.FINISHED, ""
    for phase in Phase:
        if phase in status.finished_phases():
            continue
        status = status.model_copy(update={"phase": phase})
        write_record(context.run.status, status)
        context.journal.write(PhaseStarted(phase=phase, moment=this_moment()))
        with DeviceWatch(context.journal):
            end = _run_phase(context, phase)
        context.journal.write(
            PhaseFinished(phase=phase, outcome=end.outcome, seconds=end.seconds, detail=end.detail)
        )
        if end.outcome is not Outcome.FINISHED:
            outcome, detail = end.outcome, f"{phase.value}: {end.detail}"
            break
        status = status.model_copy(update={"phases": (*status.phases, end)})
        write_record(context.run.status, status)
    if outcome is Outcome.FINISHED:
        outcome, detail = _of_the_agents_time(context)
    return _end(context, status, outcome, detail)


def _end(context: RunContext, status: Status, outcome: Outcome, detail: str) -> Outcome:
    ended = {
        "state": "ended",
        "ended": context.journal.now(),
        "outcome": outcome,
        "detail": detail,
        "pid": None,
        "process_began": None,
    }
    write_record(context.run.status, status.model_copy(update=ended))
    context.journal.write(RunFinished(outcome=outcome, detail=detail))
    return outcome


def _of_the_agents_time(context: RunContext) -> tuple[Outcome, str]:
    """A run whose agent was cut off with its runner is whole, and yet no run like the others."""
    agent = read_record(context.run.agent_end, AgentEnd)
    if agent.outcome is not Outcome.INTERRUPTED:
        return Outcome.FINISHED, ""
    used, budget = duration(agent.seconds), duration(agent.budget_seconds)
    return Outcome.INTERRUPTED, (
        f"its runner died in the agent phase, of which {used} of {budget} were used; "
        "what had been submitted by then is scored"
    )


def _claim(context: RunContext) -> Status:
    """Note this process in the status, and in the journal that the run began or goes on."""
    status = context.run.read_status()
    done = status.finished_phases()
    if status.phase is None:
        context.journal.write(
            RunStarted(
                run_id=context.run.run_id,
                version=ptb_lite.__version__,
                success_sha256=hashlib.sha256(context.spec.success.encode()).hexdigest(),
            )
        )
    else:
        first = next((phase for phase in Phase if phase not in done), Phase.REPORT)
        reason = status.detail or "its runner ended without a word"
        context.journal.write(RunResumed(phase=first, reason=reason))
    claimed = status.model_copy(
        update={
            "state": "started",
            "pid": os.getpid(),
            "process_began": process_began(os.getpid()),
            "host": socket.gethostname(),
            "job": os.environ.get("PTB_LITE_JOB", ""),
            "ended": None,
            "outcome": None,
            "detail": "",
        }
    )
    write_record(context.run.status, claimed)
    return claimed


def _run_phase(context: RunContext, phase: Phase) -> PhaseEnd:
    begun = time.monotonic()
    try:
        result = PHASES[phase](context)
        outcome, detail = result.outcome, result.detail
    except RunStopped as stopped:
        outcome, detail = Outcome.STOPPED, str(stopped)
    except PtbLiteError as error:
        outcome, detail = Outcome.FAILED, str(error)
    except OSError as error:
        traceback.print_exc()
        what = f"{error.filename}: " if error.filename else ""
        outcome, detail = Outcome.FAILED, f"{what}{error.strerror or error}"
    except Exception as error:  # the journal must say how a run ended, whatever the cause
        traceback.print_exc()
        outcome, detail = Outcome.FAILED, f"{type(error).__name__}: {error} (see runner.log)"
    return PhaseEnd(phase=phase, outcome=outcome, seconds=time.monotonic() - begun, detail=detail)
