"""The agent's processes, one after another on one clock, each watched to its end."""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ptb_lite.agents.protocol import AgentPlan, ResumableBackend
from ptb_lite.chat.masking import mask_line
from ptb_lite.evaluation.task_file import Task
from ptb_lite.events import AgentEvent, Outcome
from ptb_lite.files import write_record
from ptb_lite.ledger_notes import SubmissionChanged
from ptb_lite.runner.agent.empty_turns import EmptyTurns
from ptb_lite.runner.agent.ledger import LedgerWatch
from ptb_lite.runner.agent.left_running import LeftReader, LeftRunning, Rest
from ptb_lite.runner.agent.limits import DISK_FULL, AgentLimits
from ptb_lite.runner.agent.network import Network
from ptb_lite.runner.agent.processes import AgentProcesses
from ptb_lite.runner.agent.submissions import SubmissionWatch
from ptb_lite.runner.agent.trace import TraceReader
from ptb_lite.runner.agent.watch import AgentWatch, Silence, startup_limit
from ptb_lite.runner.context import AgentEnd, AgentTurn, RunContext
from ptb_lite.sandbox import Ended, Sandbox, SandboxPlan, start
from ptb_lite.workspace.prompt import render_reprompt

POLL_SECONDS = 0.1
# An agent that ends when less than this part of its budget is left has used it.
REPROMPT_SHARE = 0.1


@dataclass(frozen=True)
class Place:
    """Where an agent works: its task (with the deadline), its isolation, and since when: `began` in
    seconds since the epoch, `clock` as `time.monotonic` has it.

    `if_orphaned` are commands for when the runner dies while the agent works.
    """

    task: Task
    box: Sandbox
    plan: SandboxPlan
    began: float
    clock: float
    budget_seconds: float
    network: Network
    limits: AgentLimits
    if_orphaned: tuple[tuple[str, ...], ...] = ()


class AgentTurns:
    """Runs one agent. Where the spec says so, an agent that ends early is asked to go on."""

    def __init__(self, context: RunContext, agent: AgentPlan, place: Place) -> None:
        self._context = context
        self._agent = agent
        self._place = place
        self._watch = AgentWatch(_startup_seconds(context, agent, place))
        self._reader = TraceReader(context.run.trace / "stdout.log", context, agent, self._hear)
        self._submissions = SubmissionWatch(context.run.workspace / place.task.submission)
        self._ledger = LedgerWatch(
            context.run.workspace,
            write=context.journal.write,
            warn=context.warn,
            mask=lambda line: mask_line(line, agent.start.secrets),
        )
        self._processes: AgentProcesses | None = None
        self._told = 0
        self._silence = Silence(time.monotonic())
        self._turns: list[AgentTurn] = []
        self._empty = EmptyTurns(context.run.workspace)
        self._rest = Rest()
        self._left: tuple[LeftRunning, ...] = ()

    def run(self) -> AgentEnd:
        """The agent's end, after its last process."""
        start = self._agent.start
        said = start.prompt() if self._agent.prompt_on_stdin else ""
        ended = self._turn(self._agent.backend.command(start), said)
        while (resumption := self._resumption(ended)) is not None:
            seconds = self._seconds_left()
            self._context.warn(
                f"the agent ended with {seconds:.0f} seconds left and is asked to go on"
            )
            ended = self._turn(*resumption)
        self._reader.finish()
        self._ledger.finish(self._elapsed())
        submissions = self._submissions.finish(self._elapsed())
        self._tell_submissions()
        budget = self._place.budget_seconds
        seconds = min(sum(turn.seconds for turn in self._turns), budget)
        return AgentEnd(
            started=self._place.began,
            budget_seconds=budget,
            outcome=ended.outcome,
            exit_code=ended.exit_code,
            seconds=seconds,
            detail=ended.detail,
            idle_seconds=budget - seconds,
            silent_seconds=self._silence.longest,
            turns=tuple(self._turns),
            submissions=submissions,
        )

    def _hear(self, event: AgentEvent) -> None:
        self._watch.hear(event)
        self._rest.hear(event)
        self._ledger.hear(event, self._elapsed())

    def _turn(self, command: Sequence[str], said: str) -> Ended:
        """One process of the agent, to its end and that of all that it leaves running. `said` is
        what it reads on standard input: on its command line its own commands would find it."""
        context, place = self._context, self._place
        self._watch.begin_turn()
        self._rest = Rest()
        left = LeftReader(context.run.trace / "stderr.log")
        context.run.agent_input.write_text(said, encoding="utf-8")
        began = self._elapsed()
        clean_up = place.box.cleanup(place.plan)
        supervised = start(
            place.box.wrap(command, place.plan),
            environment=place.box.environment(place.plan),
            cwd=context.run.workspace,
            deadline_seconds=place.budget_seconds
            if not self._turns
            else max(0.0, self._seconds_left()),
            stdin=context.run.agent_input,
            stdout=context.run.trace / "stdout.log",
            stderr=context.run.trace / "stderr.log",
            groups=place.limits.groups.entrances(),
            after=[clean_up] if clean_up else (),
            if_orphaned=place.if_orphaned,
            gains_privileges=place.box.gains_privileges,
        )
        place.limits.watch(supervised.pid)
        self._processes = AgentProcesses(place.box, place.plan, supervised.pid)
        problem: str | None = None
        rest: str | None = None
        stopped = False
        while (ended := supervised.poll()) is None:
            refused = self._look()
            if not stopped and problem is None:
                stopped = context.stop.is_set()
                problem = refused or self._watch.problem(self._elapsed() - began)
                problem = problem or place.limits.problem()
                rest = rest or self._rest.problem(self._processes, left=bool(left.read()))
                if stopped or problem or rest:
                    supervised.stop()
            time.sleep(POLL_SECONDS)
        if full := place.limits.problem():
            place.limits.release()
        self._reader.finish_turn()
        if stopped:
            # That was the stop of the agent: what it submitted is still sealed, audited and scored.
            context.stop.clear()
        elif problem and ended.outcome is Outcome.STOPPED:
            ended = Ended(Outcome.FAILED, None, ended.seconds, f"ended by the runner: {problem}")
        elif rest and ended.outcome is Outcome.STOPPED:
            ended = Ended(Outcome.FINISHED, None, ended.seconds, f"ended by the runner: {rest}")
        elif full and ended.outcome is Outcome.FAILED:
            ended = replace(ended, detail=f"{ended.detail}; {full}")
        limit = self._watch.rate_limit()
        if limit is not None and ended.outcome in (Outcome.FINISHED, Outcome.FAILED):
            ended = replace(ended, outcome=Outcome.RATE_LIMITED, detail=limit)
        counts = bool(self._agent.endpoints) and not self._agent.may_be_silent
        if counts and self._watch.uncounted and ended.outcome is not Outcome.FINISHED:
            context.warn(
                "the agent was ended while it worked: its tokens and its cost are a lower bound"
            )
        if counts and self._watch.sub_agents:
            context.warn(
                "its program does not tell what the agent's sub-agents used: its tokens and its "
                "cost are a lower bound"
            )
        self._left = left.read()
        if self._left:
            context.warn(
                f"when the agent ended its turn {len(self._left)} of its processes were running; "
                "they were waited for"
            )
        self._turns.append(
            AgentTurn(began_seconds=began, seconds=ended.seconds, outcome=ended.outcome)
        )
        return ended

    def _look(self) -> str | None:
        """Note what is new of a working agent; a full disk is the agent's end, not the runner's."""
        try:
            self._silence.note(time.monotonic(), active=self._reader.read())
            self._look_at_submissions()
            self._ledger.look(self._elapsed(), self._children)
            self._place.network.tell()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._place.limits.release()
            return DISK_FULL
        return None

    def _look_at_submissions(self) -> None:
        """Keep each on disk at once: the runner may be killed before the agent's end."""
        self._submissions.look(self._elapsed())
        if self._tell_submissions():
            begun = AgentEnd(
                started=self._place.began,
                budget_seconds=self._place.budget_seconds,
                submissions=self._submissions.seen,
            )
            write_record(self._context.run.agent_end, begun)

    def _tell_submissions(self) -> bool:
        """Journal every new submission; whether there was one."""
        told, self._told = self._told, len(self._submissions.seen)
        for seen in self._submissions.seen[told:]:
            self._context.journal.write(
                SubmissionChanged(
                    seconds=seen.seconds, files=seen.files, bytes=seen.bytes, weights=seen.weights
                )
            )
        return self._told > told

    def _children(self) -> list[str] | None:
        return None if self._processes is None else self._processes.commands()

    def _resumption(self, ended: Ended) -> tuple[list[str], str] | None:
        """The command by which an agent that ended by itself goes on, and what it is told; None:
        its end is accepted."""
        if self._context.spec.on_early_stop == "accept" or ended.outcome is not Outcome.FINISHED:
            return None
        if self._seconds_left() < REPROMPT_SHARE * self._place.budget_seconds:
            return None
        if self._context.stop.is_set():
            # Asked for while the agent was being looked at: as in a turn, it ends the agent alone.
            self._context.stop.clear()
            return None
        backend, session_id = self._agent.backend, self._watch.session_id
        if not isinstance(backend, ResumableBackend) or session_id is None:
            self._context.warn("the agent's early end is accepted: it has no session to go on with")
            return None
        if self._empty.end(self._watch.tool_calls):
            self._context.warn("the agent's early end is accepted: it does nothing when asked")
            return None
        message = render_reprompt(
            self._place.task,
            disclosure=self._context.spec.disclosure,
            policy=self._context.spec.policy,
            minutes_left=self._seconds_left() / 60,
            left=[(each.command, each.code) for each in self._left],
        )
        return backend.resume(self._agent.start, session_id), message

    def _elapsed(self) -> float:
        return time.monotonic() - self._place.clock

    def _seconds_left(self) -> float:
        return self._place.budget_seconds - self._elapsed()


def _startup_seconds(context: RunContext, agent: AgentPlan, place: Place) -> float | None:
    """No limit for an agent that may say nothing for long, unless one is chosen."""
    chosen = context.spec.startup_minutes
    if chosen is None and agent.may_be_silent:
        return None
    return startup_limit(place.budget_seconds, chosen)
