"""What a run leaves on disk beside its journal: status and scores."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from ptb_lite.events import Outcome, Phase, Record, Verdict


class PhaseEnd(Record):
    phase: Phase
    outcome: Outcome
    seconds: float
    detail: str = ""


class Status(Record):
    """Where a run is. Born as "started" so that a crash stays visible.

    `process_started` is the runner's start time as the operating system gives it (seconds since
    the epoch): with `pid` it names one process, also after the pid was used again.
    """

    version: Literal[1] = 1
    run_id: str
    state: Literal["started", "ended"] = "started"
    phase: Phase | None = None
    pid: int | None = None
    process_started: float | None = None
    started: datetime
    ended: datetime | None = None
    outcome: Outcome | None = None
    detail: str = ""
    phases: tuple[PhaseEnd, ...] = ()

    def finished_phases(self) -> tuple[Phase, ...]:
        return tuple(end.phase for end in self.phases)


class Score(Record):
    """Correct answers of `n`, as a fraction in [0, 1] with its 95 % Wilson interval."""

    n: int
    correct: int
    score: float
    low: float
    high: float


class CountedScore(Record):
    """The score after the policy, in [0, 1]. `mark`, if not empty, says why it needs care."""

    score: float
    low: float
    high: float
    mark: str = ""


class Paired(Record):
    """Exact McNemar test on the same items: items gained and lost, two-sided p.

    `difference` is after minus before, in [-1, 1], with its 95 % interval.
    """

    gained: int
    lost: int
    p_value: float
    difference: float
    low: float
    high: float


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


class PaperLine(Record):
    """A published score of the same benchmark, in [0, 1]: never measured here."""

    label: str
    score: float


class BenchmarkScores(Record):
    """One benchmark before and after.

    `raw` is what the submission scored, None when there was no valid submission; `counted` is
    the score after the policy. `paper` are published figures to read it against, `needed_n` how
    many items would show the difference that was observed, `smallest_gain` the smallest gain in
    [0, 1] that so many items can show.
    """

    benchmark: str
    title: str
    num_fewshot: int
    zero_shot: Score
    few_shot: Score
    raw: Score | None
    counted: CountedScore
    after_vs_zero_shot: Paired | None
    after_vs_few_shot: Paired | None
    paper: tuple[PaperLine, ...] = ()
    needed_n: int | None = None
    smallest_gain: float | None = None


class Average(Record):
    """Weighted means over the chosen benchmarks, fractions in [0, 1]; `weights` says which."""

    weights: str
    zero_shot: float
    few_shot: float
    raw: float | None
    counted: float


class TimeUsed(Record):
    """Seconds: the agent's budget, what it used of it, and every phase.

    `idle_seconds` is the part of the budget in which no process of the agent ran, `submissions`
    when it handed something in, `turns` how often it was started or asked to go on.
    """

    budget_seconds: float
    agent_seconds: float
    agent_outcome: Outcome
    phases: dict[str, float]
    idle_seconds: float = 0.0
    submissions: tuple[float, ...] = ()
    turns: int = 1


class Scores(Record):
    """The content of scores.json, and of `ptb-lite run --json`."""

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
