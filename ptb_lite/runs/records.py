"""What a run leaves on disk beside its journal: status and scores."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, computed_field

from ptb_lite.events import Moment, Outcome, Phase, Record, Verdict
from ptb_lite.runs.figures.agent_use import AgentUse
from ptb_lite.runs.figures.findings import Iterations as Iterations
from ptb_lite.runs.figures.findings import Optimism as Optimism
from ptb_lite.runs.figures.findings import Success as Success
from ptb_lite.runs.figures.findings import SuccessCount as SuccessCount
from ptb_lite.runs.figures.findings import SuccessTerm as SuccessTerm


class PhaseEnd(Record):
    phase: Phase
    outcome: Outcome
    seconds: float
    detail: str = ""


class Status(Record):
    """Where a run is. Born as "started" so that a crash stays visible.

    `host` is the machine that the pid belongs to, `launcher` and `job` what carries the run out
    elsewhere.
    """

    version: Literal[1] = 1
    run_id: str
    state: Literal["started", "ended"] = "started"
    phase: Phase | None = None
    pid: int | None = None
    process_started: float | None = None
    """As `process_began`, in seconds since the epoch, which moved with the clock: in older runs."""
    process_began: Moment | None = None
    """When the runner began: with `pid` it names one process, also after the pid was used again."""
    host: str = ""
    launcher: str = ""
    job: str = ""
    started: datetime
    moment: Moment | None = None
    """`started`, on the clock that the processes of its machine share."""
    ended: datetime | None = None
    outcome: Outcome | None = None
    detail: str = ""
    phases: tuple[PhaseEnd, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all phases are done: finished, or interrupted in the agent's and gone on with."""
        return self.outcome in (Outcome.FINISHED, Outcome.INTERRUPTED)

    def finished_phases(self) -> tuple[Phase, ...]:
        return tuple(end.phase for end in self.phases)


class Score(Record):
    """The score of `n` items in [0, 1] with its 95 % interval, made by `method`.

    `correct` counts the items answered correctly; of items that a judge gives points, those with
    all of them, and then `graded` is true.
    """

    n: int
    correct: int
    score: float
    low: float
    high: float
    method: str = "Wilson"
    graded: bool = False


ScoreOutcome = Literal["scored", "nothing_submitted", "submission_refused", "not_scored"]
# How the seal begins its reason where there is no submission at all.
_NOTHING = ("nothing submitted", "empty folder")
NO_SCORE: dict[ScoreOutcome, str] = {
    "scored": "",
    "nothing_submitted": "No score: nothing was submitted",
    "submission_refused": "No score: what was submitted cannot be used",
    "not_scored": "No score: the submission was not graded",
}


def refusal(reason: str) -> ScoreOutcome:
    """Which of the two outcomes without a valid submission the seal's reason tells."""
    nothing = not reason or reason.startswith(_NOTHING)
    return "nothing_submitted" if nothing else "submission_refused"


class Notes(Record):
    """What a person wrote beside a run, at any time: the content of notes.json.

    `name` takes the place of the one that was chosen at the start; empty: that one stands.
    """

    version: Literal[1] = 1
    name: str = Field("", max_length=60)
    tags: tuple[str, ...] = Field((), max_length=20)
    note: str = Field("", max_length=2000)


class Overrule(Record):
    """A person's verdict in place of the audit's: the content of overrule.json.

    `audit_verdict` and `audit_reason` are what the audit said; audit.json keeps all of it.
    """

    version: Literal[1] = 1
    verdict: Verdict
    reason: str
    by: str
    time: datetime
    audit_verdict: Verdict
    audit_reason: str = ""


class CountedScore(Record):
    """The score after the policy, in [0, 1]. `mark`, if not empty, says why it needs care.

    `by_audit` is what it was before a person overruled the audit.
    """

    score: float
    low: float
    high: float
    mark: str = ""
    by_audit: float | None = None


class Paired(Record):
    """A paired test on the same items, named by `test`: items gained and lost, two-sided p.

    `difference` is after minus before, in [-1, 1], with its 95 % interval.
    """

    gained: int
    lost: int
    p_value: float
    difference: float
    low: float
    high: float
    test: str = "exact McNemar"


class HostSeen(Record):
    """A host that the agent asked its network for, how often, and whether it was let through."""

    host: str
    port: int
    allowed: bool
    count: int


class Hosts(Record):
    """The content of hosts.json, in order of the first time. There is none without a relay.

    `network` is the run's choice. With `full`, only programs that heed the usual proxy variables
    are seen.
    """

    version: Literal[1] = 1
    network: str
    hosts: tuple[HostSeen, ...] = ()


class HubRepository(Record):
    """A repository of a Hugging Face cache.

    `kind` is model, dataset or prepared (tables that the library `datasets` made of a data set),
    `name` OWNER/NAME, `bytes` what it takes on disk, `place` the folder where an agent found it.
    """

    kind: str
    name: str
    bytes: int = 0
    place: str = ""


class HubHeldBack(Record):
    """A repository of the host's cache that the agent was not shown, and why."""

    kind: str
    name: str
    reason: str


class HubCacheSeen(Record):
    """The content of hub-cache.json: what the agent downloaded.

    `folder` is the agent's own Hugging Face folder relative to the workspace, and `downloaded` what
    that holds when the agent has ended. `choice`, `shown` and `held_back` stand in runs of before
    December 2026 alone, which could be shown the host's cache.
    """

    version: Literal[1] = 1
    choice: Literal["shared", "private"] = "private"
    folder: str = ""
    shown: tuple[HubRepository, ...] = ()
    held_back: tuple[HubHeldBack, ...] = ()
    downloaded: tuple[HubRepository, ...] = ()


class PaperLine(Record):
    """A published score of the same benchmark, in [0, 1]: never measured here."""

    label: str
    score: float


class BenchmarkScores(Record):
    """One benchmark before and after.

    `raw` is what the submission scored, None when there was no valid submission; `counted` is
    the score after the policy. None also stands for "not scored", and `not_scored` says why.
    `paper` are published figures to read it against, `needed_n` how many items would show the
    difference between zero-shot and raw that was observed, `smallest_gain` the smallest gain over
    zero-shot in [0, 1] that so many items can show (both at a power of 80 %). `judge` is the
    judge's model and prompt version, where there is one. `baseline_from` is when the baselines
    were measured, where they came from the cache. `held_out` items of the test set are not scored
    because the agent may see them. `also` are raw's scores by other rules, never counted. `engine`
    with its version generated the answers, before and after.
    """

    benchmark: str
    title: str
    num_fewshot: int
    zero_shot: Score | None
    few_shot: Score | None
    raw: Score | None
    counted: CountedScore | None
    after_vs_zero_shot: Paired | None
    after_vs_few_shot: Paired | None
    paper: tuple[PaperLine, ...] = ()
    needed_n: int | None = None
    smallest_gain: float | None = None
    not_scored: str = ""
    judge: str = ""
    baseline_from: datetime | None = None
    held_out: int = 0
    also: dict[str, float] = Field(default_factory=dict)
    engine: str = ""


class Average(Record):
    """Weighted means over the scored benchmarks, fractions in [0, 1]; `weights` says which.

    `missing` are the chosen benchmarks without a score: they are in none of the means, which are
    None when nothing is left. `paper` are published figures with the same weights.
    """

    weights: str
    zero_shot: float | None
    few_shot: float | None
    raw: float | None
    counted: float | None
    missing: tuple[str, ...] = ()
    paper: tuple[PaperLine, ...] = ()


class TimeUsed(Record):
    """Seconds: the agent's budget, what it used of it, and every phase.

    `idle_seconds` is the part of the budget in which no process of the agent ran, `submissions`
    when the submission's folder changed (what is written within a second is one change), `turns`
    how often it was started or asked to go on. `harness` is what of each phase before the report
    was neither the agent's nor generation (`overhead.py`); empty in runs of earlier versions.
    """

    budget_seconds: float
    agent_seconds: float
    agent_outcome: Outcome
    phases: dict[str, float]
    idle_seconds: float = 0.0
    submissions: tuple[float, ...] = ()
    turns: int = 1
    harness: dict[str, float] = Field(default_factory=dict)
    untested: str = ""
    """That the agent's program has a version that was not tested with this project."""


class OffTargetScores(Record):
    """A benchmark that was no target: the base model and the submission, both zero-shot.

    `after` and `change` are None without a valid submission. No policy changes them, and the audit
    does not search for their items: a gain here may be one of contamination.
    """

    benchmark: str
    title: str
    before: Score | None
    after: Score | None
    change: Paired | None
    not_scored: str = ""
    """Why a score is missing, where it is not the submission that is."""


class OffTarget(Record):
    """How far the gain reaches, by the rule of `stats/reach.py`, and what that follows from."""

    reach: str
    """harmful, no gain, broad, narrow, or cannot be told."""
    why: str
    benchmarks: tuple[OffTargetScores, ...]


class Scores(Record):
    """The content of scores.json, and of `ptb-lite run --json`.

    `verdict` is the one in force; where a person overruled the audit, `overrule` holds both.
    `outcome` follows from the rest: only a run that is "scored" may be ranked or averaged.
    """

    version: Literal[1] = 1
    run_id: str
    model: str
    agent: str
    seed: int
    sandbox: str
    feedback: str
    policy: str
    verdict: Verdict
    verdict_reason: str
    submission_valid: bool
    submission_reason: str
    benchmarks: tuple[BenchmarkScores, ...]
    average: Average
    time: TimeUsed
    overrule: Overrule | None = None
    success: Success | None = None
    off_target: OffTarget | None = None
    """None where nothing beside the targets was chosen, and in earlier runs."""
    iterations: Iterations | None = None
    """None in earlier runs."""
    agent_use: AgentUse | None = None
    """None in earlier runs."""
    revisions: dict[str, str] = Field(default_factory=dict)
    """Commit of each Hub repository that the base model and the data came from."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def outcome(self) -> ScoreOutcome:
        """Whether there is a score of a submission, and if not, why. Also for earlier runs."""
        if not self.submission_valid:
            return refusal(self.submission_reason)
        return "scored" if any(item.raw for item in self.benchmarks) else "not_scored"

    @property
    def no_score(self) -> str:
        """The headline of a run without a score; empty for one that is scored."""
        return NO_SCORE[self.outcome]
