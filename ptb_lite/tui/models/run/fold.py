"""A run as its journal tells it: events are folded into what the Run screen shows.

Pure and bounded: however long a journal is, what is kept of it here does not grow.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ptb_lite.events import (
    AgentEnded,
    AgentEvent,
    AgentEventKind,
    AgentSpoke,
    AgentStarted,
    EvaluationFinished,
    Event,
    FlagRaised,
    HostAsked,
    HubRequested,
    JudgeVoteAsked,
    JudgeVoteCounted,
    Outcome,
    Payload,
    Phase,
    PhaseFinished,
    PhaseStarted,
    RunFinished,
    RunResumed,
    RunStarted,
    SubmissionRefused,
    SubmissionSealed,
    VerdictReached,
)
from ptb_lite.ledger_notes import ModelScored, SubmissionChanged
from ptb_lite.narrate import event_words, flag_name, flag_place, verdict_reason
from ptb_lite.report.series import Series
from ptb_lite.runs.records import NO_SCORE, refusal
from ptb_lite.text import one_line
from ptb_lite.tui.models.result.flags import FlagBoard, group_key
from ptb_lite.tui.models.run.dev import DevFold
from ptb_lite.tui.models.run.device import DeviceFold
from ptb_lite.tui.models.run.phases import PhaseStrip
from ptb_lite.tui.models.run.view import AgentView, RunSnapshot, TrainingView, UsageView
from ptb_lite.tui.models.trace.entries import SUB_AGENT, EntryKind, Trace

MAX_HOSTS = 100
MAX_SCORES = 200
_BEYOND = 1e15
# A line of the workspace's evaluate.py, and the recipe's words for it.
_FEEDBACK = re.compile(
    r"(?:on dev of [^\s:]+: (?=[\d.]+%)|(?=[\d.]+% \(\d+ of \d+, 95 % interval))(\d{1,3}\.\d)%"
)
_TAIL = 4000
# Of flags that are alike the first is told, and then how many there are.
_TOLD = (10, 100, 1000, 10_000)

_ENTRY_KINDS = {
    AgentEventKind.MESSAGE: EntryKind.MESSAGE,
    AgentEventKind.REASONING: EntryKind.REASONING,
    AgentEventKind.TOOL_CALL: EntryKind.COMMAND,
    AgentEventKind.TOOL_RESULT: EntryKind.RESULT,
    AgentEventKind.ERROR: EntryKind.ERROR,
}


class RunFold:
    """Takes events in order; `snapshot` says at any moment what there is to show.

    `benchmarks` is how many are the targets, `off_target` names the others.
    """

    def __init__(
        self, run_id: str = "", benchmarks: int = 1, off_target: Collection[str] = ()
    ) -> None:
        self._run_id = run_id
        self._off_target = frozenset(off_target)
        self._strip = PhaseStrip(benchmarks, len(off_target))
        self.trace = Trace()
        self._losses = Series()
        self._device = DeviceFold()
        self._agent: AgentView | None = None
        self._training: TrainingView | None = None
        self._flags = FlagBoard()
        self._alike: dict[tuple[object, ...], int] = {}
        self._audited = False
        self._usage = UsageView()
        self._hosts: dict[tuple[str, int], bool] = {}
        self._scores: deque[EvaluationFinished] = deque(maxlen=MAX_SCORES)
        self._verdict: VerdictReached | None = None
        self._end: RunFinished | None = None
        self._no_score = ""
        self._sealed: int | None = None
        self._feedback: float | None = None
        self._dev = DevFold()
        self._began: datetime | None = None
        self._time: datetime | None = None
        self.events = 0
        self._impossible = 0
        self._takers: dict[str, Callable[[Any, datetime], None]] = {
            "run_started": self._run_started,
            "run_resumed": self._run_resumed,
            "phase_started": self._phase_started,
            "phase_finished": self._phase_finished,
            "preparation_progressed": lambda at, _time: self._strip.prepared(at),
            "evaluation_planned": self._note,
            "evaluation_progressed": lambda at, _time: self._strip.progressed(at),
            "evaluation_finished": self._evaluation_finished,
            "agent_started": self._agent_started,
            "agent_spoke": self._agent_spoke,
            "agent_ended": self._agent_ended,
            "host_asked": self._host_asked,
            "hub_requested": self._hub_requested,
            "device_sampled": lambda sample, _time: self._device.take(sample),
            "training_began": self._note,
            "adapter_saved": lambda _note, _time: None,
            "training_ended": self._note,
            "scoring_began": lambda _note, _time: None,
            "model_scored": self._model_scored,
            "command_seen": self._note,
            "ledger_changed": self._note,
            "submission_changed": self._submission_changed,
            "submission_sealed": self._submitted,
            "submission_refused": self._refused,
            "flag_raised": self._flag_raised,
            "judge_vote_asked": self._judge_voted,
            "judge_vote_counted": self._judge_voted,
            "verdict_reached": self._verdict_reached,
            "warned": self._note,
            "run_finished": self._run_finished,
        }

    def fold(self, events: Iterable[Event]) -> None:
        """Take events in order. One with impossible figures is counted, and no more than that."""
        takers = self._takers
        for event in events:
            time = _utc(event.time)
            self.events += 1
            self._time = time
            if self._began is None:
                self._began = time
            try:
                takers[event.payload.type](event.payload, time)
            except (ArithmeticError, ValueError):
                self._impossible += 1

    def snapshot(self) -> RunSnapshot:
        """Cheap: what is bounded is copied, nothing is computed again."""
        training = self._training
        if training is not None:
            training = replace(
                training, points=self._losses.points(), per_point=self._losses.per_point
            )
        return RunSnapshot(
            run_id=self._run_id,
            began=self._began,
            time=self._time,
            phases=self._strip.views(),
            current=self._strip.current,
            agent=self._agent,
            entries=self.trace.entries(),
            earlier=self.trace.earlier,
            training=training,
            device=self._device.view(),
            flags=self._flags.views(),
            more_flags=self._flags.more,
            audited=self._audited,
            usage=self._usage,
            hosts=tuple((host, port, ok) for (host, port), ok in self._hosts.items()),
            scores=tuple(self._scores),
            verdict=self._verdict.verdict if self._verdict else None,
            verdict_reason=self._why(),
            outcome=self._end.outcome if self._end else None,
            detail=one_line(self._end.detail, 400) if self._end else "",
            no_score=self._no_score,
            sealed_bytes=self._sealed,
            feedback_score=self._feedback,
            dev=self._dev.view(),
            events=self.events,
            impossible=self._impossible,
        )

    def _why(self) -> str:
        """The verdict's reason."""
        return one_line(verdict_reason(self._verdict.reason), 400) if self._verdict else ""

    def _run_started(self, start: RunStarted, time: datetime) -> None:
        self._run_id = one_line(start.run_id, 80)
        self._note(start, time)

    def _run_resumed(self, resumed: RunResumed, time: datetime) -> None:
        self._strip.resume(resumed.phase)
        self._end = None
        self._note(resumed, time)

    def _phase_started(self, start: PhaseStarted, time: datetime) -> None:
        self._strip.start(start.phase, time)
        if start.phase is Phase.SEAL:
            self._no_score, self._sealed = "", None
        if start.phase is Phase.AUDIT:
            self._flags.begin_audit()
            self._alike.clear()
            self._audited, self._verdict = False, None
        self._note(start, time)

    def _phase_finished(self, end: PhaseFinished, time: datetime) -> None:
        self._strip.finish(end)
        if end.phase is Phase.AUDIT and end.outcome is Outcome.FINISHED:
            self._audited = True
        self._note(end, time)

    def _evaluation_finished(self, end: EvaluationFinished, time: datetime) -> None:
        self._strip.scored(end)
        # What stands on top, alone or as a mean, is of the targets.
        if end.benchmark not in self._off_target:
            self._scores.append(end)
        self._note(end, time)

    def _agent_started(self, start: AgentStarted, time: datetime) -> None:
        self._agent = AgentView(
            backend=one_line(start.backend, 80),
            sandbox=one_line(start.sandbox, 80),
            budget_seconds=start.budget_seconds,
            began=time,
            deadline=_utc(start.deadline),
        )
        self._strip.deadline(_utc(start.deadline))

    def _agent_spoke(self, spoke: AgentSpoke, time: datetime) -> None:
        event = spoke.event
        kind = _ENTRY_KINDS.get(event.kind)
        if kind is not None:
            if event.text:
                tool = event.tool or ""
                name = f"{SUB_AGENT} {tool}".strip() if event.parent else tool
                self.trace.say(kind, event.text, time, name)
                if kind is EntryKind.RESULT:
                    self._told_feedback(event.text)
        elif event.kind is AgentEventKind.NOTE:
            self.trace.note(event.text, time)
        elif event.kind is AgentEventKind.TRAINING:
            self._trained(event, time)
        elif event.kind is AgentEventKind.USAGE:
            self._used(event)

    def _told_feedback(self, text: str) -> None:
        """The agent may say what it likes: this is shown as its own figure and counts nowhere."""
        found = _FEEDBACK.findall(text[-_TAIL:])
        if found:
            self._feedback = min(1.0, float(found[-1]) / 100)

    def _agent_ended(self, end: AgentEnded, time: datetime) -> None:
        if self._agent is not None:
            self._agent = replace(
                self._agent,
                outcome=end.outcome,
                seconds=end.seconds,
                detail=one_line(end.detail, 300),
            )
        self._note(end, time)

    def _trained(self, event: AgentEvent, time: datetime) -> None:
        data, before = event.data, self._training
        step = _figure(data, "step") or 0.0
        again = before is None or step < before.step
        if again:
            # Another training began: its losses are another curve.
            self._losses = Series()
        loss = _figure(data, "loss")
        if loss is not None:
            self._losses.add(step, loss)
        self._training = TrainingView(
            step=step,
            steps=_figure(data, "steps") or 0.0,
            loss=loss,
            learning_rate=_figure(data, "learning_rate"),
            tokens_per_second=_figure(data, "tokens_per_second"),
            began=time if before is None or again else before.began,
            first_step=step if before is None or again else before.first_step,
            time=time,
        )

    def _used(self, event: AgentEvent) -> None:
        data, before = event.data, self._usage
        cost = data.get("cost_usd")
        self._usage = UsageView(
            input_tokens=before.input_tokens + data.get("input_tokens", 0.0),
            cached_input_tokens=before.cached_input_tokens + data.get("cached_input_tokens", 0.0),
            output_tokens=before.output_tokens + data.get("output_tokens", 0.0),
            cost=before.cost if cost is None else (before.cost or 0.0) + cost,
            estimated=before.estimated or bool(data.get("cost_estimated")),
        )

    def _host_asked(self, asked: HostAsked, time: datetime) -> None:
        key = (one_line(asked.host, 120), asked.port)
        if key not in self._hosts and len(self._hosts) < MAX_HOSTS:
            self._hosts[key] = asked.allowed
            if not asked.allowed:
                self._note(asked, time)

    def _hub_requested(self, asked: HubRequested, time: datetime) -> None:
        if not asked.allowed:
            self._note(asked, time)

    def _flag_raised(self, raised: FlagRaised, time: datetime) -> None:
        flag = raised.flag
        if not self._flags.raise_flag(flag, live=raised.live, time=time):
            return
        alike = self._alike[group_key(flag)] = self._alike.get(group_key(flag), 0) + 1
        if alike == 1:
            self.trace.note(event_words(raised), time, EntryKind.FLAG)
        elif alike in _TOLD:
            place = one_line(flag_place(flag.model_copy(update={"line": None})), 200)
            words = f"{alike} flags {flag_name(flag)} in {place} by now"
            self.trace.note(words, time, EntryKind.FLAG)

    def _judge_voted(self, vote: JudgeVoteAsked | JudgeVoteCounted, time: datetime) -> None:
        self._strip.voted(vote)
        self._note(vote, time)

    def _verdict_reached(self, reached: VerdictReached, time: datetime) -> None:
        self._verdict = reached
        self._note(reached, time)

    def _model_scored(self, note: ModelScored, time: datetime) -> None:
        self._dev.score(note)
        self._note(note, time)

    def _submission_changed(self, change: SubmissionChanged, time: datetime) -> None:
        self._dev.submit(change)
        self._note(change, time)

    def _submitted(self, seal: SubmissionSealed, time: datetime) -> None:
        self._sealed = seal.bytes
        self._note(seal, time)

    def _refused(self, refused: SubmissionRefused, time: datetime) -> None:
        self._no_score = NO_SCORE[refusal(refused.reason)]
        self._note(refused, time)

    def _run_finished(self, end: RunFinished, time: datetime) -> None:
        self._end = end
        self._note(end, time)

    def _note(self, payload: Payload, time: datetime) -> None:
        """What happened, in the words that every view has."""
        self.trace.note(event_words(payload), time)


def _figure(data: Mapping[str, float], name: str) -> float | None:
    """A figure of the agent's, None where it gave none or one that cannot be meant."""
    value = data.get(name)
    return value if value is not None and abs(value) < _BEYOND else None


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
