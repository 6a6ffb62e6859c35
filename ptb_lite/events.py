"""The vocabulary of what can happen in a run: the ground everyone stands on.

An `Event` is one line of `journal.jsonl`. Its `payload` is one of the models below, told apart by
`type`. Names are past tense: an event says what happened, never what to do.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from ptb_lite.ledger_notes import (
    AdapterSaved,
    CommandSeen,
    LedgerChanged,
    ModelScored,
    ScoringBegan,
    SubmissionChanged,
    TrainingBegan,
    TrainingEnded,
)
from ptb_lite.record import Outcome as Outcome
from ptb_lite.record import Record as Record


class Phase(StrEnum):
    """The phases of a run, in order."""

    PREPARE = "prepare"
    BASELINE = "baseline"
    AGENT = "agent"
    SEAL = "seal"
    AUDIT = "audit"
    EVALUATE = "evaluate"
    REPORT = "report"


class Verdict(StrEnum):
    CLEAN = "clean"
    FLAGGED = "flagged"
    INCONCLUSIVE = "inconclusive"


class Flag(Record):
    """One finding of a detector, with its evidence.

    `decides` says whether the flag alone makes the verdict "flagged"; other flags inform.
    `file` is relative to the audited folder, `line` counts from 1, `similarity` and
    `confidence` lie in [0, 1].
    """

    detector: str
    kind: str
    message: str
    decides: bool = True
    file: str | None = None
    line: int | None = None
    excerpt: str | None = None
    item_id: str | None = None
    item_text: str | None = None
    similarity: float | None = None
    confidence: float = 1.0


class AgentEventKind(StrEnum):
    SESSION = "session"
    MESSAGE = "message"
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    USAGE = "usage"
    TRAINING = "training"
    ERROR = "error"
    NOTE = "note"
    """Something that its program tells: a background task, a limit that is near."""
    UNKNOWN = "unknown"
    END = "end"


class AgentEvent(Record):
    """One thing that an agent said or did, whatever the backend.

    `text` is bounded by the parser that made it; the raw line stays in `trace/`. `data` holds the
    numbers of `usage` (input_tokens, of which cached_input_tokens came from a cache, and
    output_tokens, reasoning included, and cost_usd where there is a price, with cost_estimated 1
    where that is not the agent's own figure: all since the last usage event, so that they can be
    summed) and of `training` (step, steps, loss, learning_rate, tokens_per_second); `uncounted` 1
    stands where the program does not tell the tokens of a turn that ended or of a sub-agent.
    """

    kind: AgentEventKind
    text: str = ""
    tool: str | None = None
    session_id: str | None = None
    parent: str | None = None
    """Of a sub-agent's event: the call by which the agent began it, or its own session."""
    data: dict[str, float] = Field(default_factory=dict)


class RunStarted(Record):
    type: Literal["run_started"] = "run_started"
    success_sha256: str = ""
    """SHA-256 (hex) of what was declared as success, before anything was measured."""
    run_id: str
    version: str


class RunResumed(Record):
    type: Literal["run_resumed"] = "run_resumed"
    phase: Phase
    reason: str


class Moment(Record):
    """`seconds` of the monotonic clock, which starts anew with the machine: `boot` names that
    start, empty where the system does not."""

    boot: str = ""
    seconds: float


class PhaseStarted(Record):
    type: Literal["phase_started"] = "phase_started"
    phase: Phase
    moment: Moment | None = None
    """When, on a clock that other processes of the machine share; None in runs of before 2027."""


class PhaseFinished(Record):
    type: Literal["phase_finished"] = "phase_finished"
    phase: Phase
    outcome: Outcome
    seconds: float
    detail: str = ""


class PreparationProgressed(Record):
    """What the prepare phase is at; bytes where something is fetched or put together, else 0."""

    type: Literal["preparation_progressed"] = "preparation_progressed"
    what: str
    done_bytes: int = 0
    total_bytes: int = 0


class EvaluationPlanned(Record):
    """What carries out the run's evaluations, before and after, and why (a sentence each)."""

    type: Literal["evaluation_planned"] = "evaluation_planned"
    engine: str
    engine_version: str = ""
    batch_size: int
    reasons: tuple[str, ...]


class EvaluationProgressed(Record):
    """`score` in [0, 1] is that of the `graded` items: long prompts come first, so it is no
    estimate of the whole. None where nothing is graded on the way."""

    type: Literal["evaluation_progressed"] = "evaluation_progressed"
    label: str
    benchmark: str
    done: int
    total: int
    score: float | None = None
    graded: int = 0


class EvaluationFinished(Record):
    """`label` is zero_shot, few_shot or after; `score` lies in [0, 1].

    `from_cache` is when it was measured, where it was not measured in this run.
    """

    type: Literal["evaluation_finished"] = "evaluation_finished"
    label: str
    benchmark: str
    n: int
    score: float
    low: float
    high: float
    seconds: float
    from_cache: datetime | None = None


class AgentStarted(Record):
    type: Literal["agent_started"] = "agent_started"
    backend: str
    sandbox: str
    budget_seconds: float
    deadline: datetime


class AgentSpoke(Record):
    type: Literal["agent_spoke"] = "agent_spoke"
    event: AgentEvent


class AgentEnded(Record):
    type: Literal["agent_ended"] = "agent_ended"
    outcome: Outcome
    exit_code: int | None
    seconds: float
    detail: str = ""


class HostAsked(Record):
    """The agent asked its network for a host; `allowed` says whether it was let through."""

    type: Literal["host_asked"] = "host_asked"
    host: str
    port: int
    allowed: bool


class HubRequested(Record):
    """The agent asked the Hub's gate for something, for the first time in this way.

    `kind` is model, dataset or space, `repo` OWNER/NAME, `path` a file or folder in it; `reason` is
    the sentence that the agent was given where it was refused.
    """

    type: Literal["hub_requested"] = "hub_requested"
    kind: str
    repo: str
    revision: str = ""
    path: str = ""
    allowed: bool
    reason: str = ""


class ProcessSampled(Record):
    """A process of the run: what it is called, its resident memory and its GPU memory, in bytes."""

    name: str
    memory: int
    gpu_memory: int | None = None


class DeviceSampled(Record):
    """What the machine did at one moment; None: this machine does not say.

    Shares lie in [0, 1], memory in bytes, temperature in degrees Celsius, power in watts.
    `processes` are the run's that take the most memory, the largest first.
    """

    type: Literal["device_sampled"] = "device_sampled"
    cpu: float | None = None
    memory_used: int | None = None
    memory_total: int | None = None
    gpu: float | None = None
    gpu_memory_used: int | None = None
    gpu_memory_total: int | None = None
    gpu_temperature: float | None = None
    gpu_power: float | None = None
    processes: tuple[ProcessSampled, ...] = ()


class SubmissionSealed(Record):
    type: Literal["submission_sealed"] = "submission_sealed"
    files: int
    bytes: int
    sha256: str


class SubmissionRefused(Record):
    type: Literal["submission_refused"] = "submission_refused"
    reason: str


class FlagRaised(Record):
    """`live`: seen while the agent was at work; the final audit says again what still stands."""

    type: Literal["flag_raised"] = "flag_raised"
    flag: Flag
    live: bool = False


class JudgeVoteAsked(Record):
    """The audit's judge was asked for `vote` of `votes`, which may take `seconds`."""

    type: Literal["judge_vote_asked"] = "judge_vote_asked"
    judge: str
    vote: int
    votes: int
    seconds: float


class JudgeVoteCounted(Record):
    """The judge's answer came after `seconds`: clean, flagged or unsure.

    `answer` is None where the vote was lost, and `reason` then says why.
    """

    type: Literal["judge_vote_counted"] = "judge_vote_counted"
    vote: int
    votes: int
    seconds: float
    answer: Literal["clean", "flagged", "unsure"] | None
    reason: str = ""


class VerdictReached(Record):
    type: Literal["verdict_reached"] = "verdict_reached"
    verdict: Verdict
    reason: str


class Warned(Record):
    type: Literal["warned"] = "warned"
    message: str


class RunFinished(Record):
    type: Literal["run_finished"] = "run_finished"
    outcome: Outcome
    detail: str = ""


Payload = Annotated[
    RunStarted
    | RunResumed
    | PhaseStarted
    | PhaseFinished
    | PreparationProgressed
    | EvaluationPlanned
    | EvaluationProgressed
    | EvaluationFinished
    | AgentStarted
    | AgentSpoke
    | AgentEnded
    | HostAsked
    | HubRequested
    | DeviceSampled
    | TrainingBegan
    | AdapterSaved
    | TrainingEnded
    | ScoringBegan
    | ModelScored
    | CommandSeen
    | LedgerChanged
    | SubmissionChanged
    | SubmissionSealed
    | SubmissionRefused
    | FlagRaised
    | JudgeVoteAsked
    | JudgeVoteCounted
    | VerdictReached
    | Warned
    | RunFinished,
    Field(discriminator="type"),
]


class Event(Record):
    """One line of the journal. `seq` counts from 1 without gaps; `time` is UTC."""

    version: Literal[1] = 1
    seq: int
    time: datetime
    payload: Payload


EVENT: TypeAdapter[Event] = TypeAdapter(Event)
