"""When an agent iterated, from the journal: trainings, uses of evaluate.py, final_model/. Pure.

All of it but the changes of final_model/ is the agent's own account, which its programs wrote where
it could write, too: `seen` says whether the host saw such a process. Nothing here makes a score.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from ptb_lite.events import AgentEnded, Event
from ptb_lite.ledger_notes import (
    AdapterSaved,
    CommandSeen,
    ModelScored,
    ScoringBegan,
    SubmissionChanged,
    TrainingBegan,
    TrainingEnded,
)
from ptb_lite.runs.folder import RunFolder
from ptb_lite.runs.journal import JournalFollower
from ptb_lite.runs.records import BenchmarkScores, Iterations, Optimism
from ptb_lite.stats.scoring import unpaired_interval

MAX_ENTRIES = 2000
BASE = "base"
_PIECE = 1 << 20
# So much without an adapter that could be read is whole weights; less is a folder half written.
_UNREAD_WEIGHTS = 16 << 20


@dataclass(frozen=True)
class Training:
    """One training; seconds after the agent began, `ended` None where it said no end.

    `outcome` is kept, discarded, crashed, running, or unknown: of one that the trace alone shows,
    and where weights that may hold what it made were submitted after it (merged, averaged).
    """

    began: float
    ended: float | None = None
    outcome: str = "running"
    file: str = ""
    rows: int = 0
    sha256: str = ""
    planned: int = 0
    steps: int = 0
    loss_first: float | None = None
    loss_last: float | None = None
    weights: frozenset[str] = frozenset()
    seen: bool | None = None
    command: str = ""
    """Of one that is seen in the trace alone."""


@dataclass(frozen=True)
class Use:
    """One use of evaluate.py on one model, with a score by benchmark; None: a judge has to."""

    at: float
    model: str
    weights: str
    split: str
    scores: tuple[tuple[str, float | None, int], ...]
    shots: int = 0
    seen: bool | None = None

    @property
    def mean(self) -> float | None:
        """The mean of its scores; None where one is missing."""
        known = [score for _, score, _ in self.scores if score is not None]
        return fmean(known) if known and len(known) == len(self.scores) else None


@dataclass(frozen=True)
class Ledger:
    """`seconds` is how long the agent worked; `uses` are in order, `best` the best-so-far curve:
    seconds and the mean dev score that was reached then."""

    seconds: float = 0.0
    trainings: tuple[Training, ...] = ()
    uses: tuple[Use, ...] = ()
    others: tuple[CommandSeen, ...] = ()
    changes: tuple[SubmissionChanged, ...] = ()
    best: tuple[tuple[float, float], ...] = ()
    runs_of_evaluate: int = 0

    @property
    def empty(self) -> bool:
        return not (self.trainings or self.uses or self.others or self.changes)


@dataclass
class LedgerFold:
    """Takes the journal's events in order; keeps `MAX_ENTRIES` of a kind at most."""

    _trainings: dict[str, Training] = field(default_factory=dict)
    _uses: dict[tuple[str, str, int], Use] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    _others: list[CommandSeen] = field(default_factory=list)
    _changes: list[SubmissionChanged] = field(default_factory=list)
    _seconds: float = 0.0
    _over: bool = False

    def take(self, event: Event) -> None:
        match event.payload:
            case TrainingBegan() as note if len(self._trainings) < MAX_ENTRIES:
                self._trainings.setdefault(
                    note.use,
                    Training(
                        note.seconds,
                        file=note.file,
                        rows=note.rows,
                        sha256=note.sha256,
                        planned=note.steps,
                        seen=note.process_seen,
                    ),
                )
            case AdapterSaved(use=use, weights=weights) if use in self._trainings and weights:
                made = self._trainings[use]
                self._trainings[use] = replace(made, weights=made.weights | {weights})
            case TrainingEnded() as end if end.use in self._trainings:
                self._trainings[end.use] = replace(
                    self._trainings[end.use],
                    ended=end.seconds,
                    outcome="crashed" if end.outcome.value == "failed" else "discarded",
                    steps=end.steps,
                    loss_first=end.loss_first,
                    loss_last=end.loss_last,
                )
            case ScoringBegan(use=use) if len(self._begun) < MAX_ENTRIES:
                self._begun.add(use)
            case ModelScored() as note if len(self._uses) < MAX_ENTRIES:
                self._scored(note)
            case CommandSeen() as seen if len(self._others) < MAX_ENTRIES:
                self._others.append(seen)
            case SubmissionChanged() as change if len(self._changes) < MAX_ENTRIES:
                self._changes.append(change)
            case AgentEnded(seconds=seconds):
                self._seconds, self._over = seconds, True

    def ledger(self, targets: Sequence[str]) -> Ledger:
        """What there is so far; `targets` are the benchmarks that a use must score to count."""
        uses = tuple(sorted(self._uses.values(), key=lambda use: use.at))
        trainings = [self._judged(each) for each in self._trainings.values()]
        trainings += [self._shown(each) for each in self._others if each.what == "training"]
        lasts = [use.at for use in uses] + [each.ended or each.began for each in trainings]
        lasts += [change.seconds for change in self._changes]
        return Ledger(
            seconds=max([self._seconds, *lasts]),
            trainings=tuple(sorted(trainings, key=lambda each: each.began)),
            uses=uses,
            others=tuple(self._others),
            changes=tuple(self._changes),
            best=tuple(_best_so_far(uses, targets)),
            runs_of_evaluate=len(self._begun),
        )

    def _scored(self, note: ModelScored) -> None:
        key = (note.use, note.model, note.shots)
        before = self._uses.get(key)
        scores = (*(before.scores if before else ()), (note.benchmark, note.score, note.n))
        self._uses[key] = Use(
            at=note.seconds,
            model=note.model,
            weights=note.weights,
            split=note.split,
            scores=scores[:50],
            shots=note.shots,
            seen=note.process_seen,
        )

    def _judged(self, training: Training) -> Training:
        """Kept where its weights came into final_model/; one without an end has crashed."""
        if training.weights & {change.weights for change in self._changes if change.weights}:
            return replace(training, outcome="kept")
        if training.ended is None and self._over:
            return replace(training, outcome="crashed")
        if training.outcome == "discarded" and self._others_weights(training.ended or 0.0):
            return replace(training, outcome="unknown")
        return training

    def _others_weights(self, after: float) -> bool:
        """Whether final_model/ came to hold weights that are no training's own, from then on."""
        made = {weights for each in self._trainings.values() for weights in each.weights}
        return any(
            change.weights not in made if change.weights else change.bytes >= _UNREAD_WEIGHTS
            for change in self._changes
            if change.seconds >= after
        )

    def _shown(self, seen: CommandSeen) -> Training:
        """A training by other means: kept where final_model/ changed while it ran."""
        until = self._seconds if seen.ended is None else seen.ended
        kept = any(seen.began <= change.seconds <= until + 1 for change in self._changes)
        return Training(
            seen.began,
            ended=seen.ended,
            outcome="kept" if kept else "unknown",
            command=seen.command,
        )


def read_ledger(run: RunFolder, targets: Sequence[str]) -> Ledger:
    """A run's ledger as far as its journal tells it; empty when that cannot be read."""
    fold, follower = LedgerFold(), JournalFollower(run.journal)
    try:
        while True:
            for event in follower.poll(_PIECE):
                fold.take(event)
            if follower.at_end:
                return fold.ledger(targets)
    except OSError:
        return Ledger()


def iterations(
    ledger: Ledger, benchmarks: Sequence[BenchmarkScores], submitted: str, agent_seconds: float
) -> Iterations:
    """The ledger in figures; `submitted` is the SHA-256 of the sealed adapter's weights."""
    own = [each for each in ledger.trainings if not each.command]
    outcomes = [each.outcome for each in own]
    last = ledger.best[-1] if ledger.best else None
    return Iterations(
        trainings=len(ledger.trainings),
        kept=[each.outcome for each in ledger.trainings].count("kept"),
        discarded=outcomes.count("discarded"),
        crashed=outcomes.count("crashed"),
        evaluations=ledger.runs_of_evaluate
        + sum(seen.what == "evaluation" for seen in ledger.others),
        by_other_means=len(ledger.others),
        changes=len(ledger.changes),
        unseen=sum(each.seen is False for each in own)
        + sum(use.seen is False for use in ledger.uses),
        best=last[1] if last else None,
        last_improvement=last[0] if last else None,
        after_it=max(0.0, agent_seconds - last[0]) if last else None,
        optimism=tuple(_optimism(ledger.uses, benchmarks, submitted)),
    )


def _best_so_far(uses: Iterable[Use], targets: Sequence[str]) -> Iterable[tuple[float, float]]:
    best = -1.0
    for use in uses:
        named = {name for name, _, _ in use.scores}
        if use.model == BASE or use.shots or use.mean is None or not set(targets) <= named:
            continue
        if use.mean > best:
            best = use.mean
            yield use.at, best


def _optimism(
    uses: Sequence[Use], benchmarks: Sequence[BenchmarkScores], submitted: str
) -> Iterable[Optimism]:
    """The last zero-shot dev score of the submitted weights against the raw score."""
    for scores in benchmarks:
        found = [
            (use.split, score, n)
            for use in uses
            for name, score, n in use.scores
            if submitted and use.weights == submitted and name == scores.benchmark
            if not use.shots and score is not None and n
        ]
        raw = scores.raw
        if not found or raw is None or raw.graded or not raw.n:
            continue
        split, dev, n = found[-1]
        interval = unpaired_interval(round(dev * n), n, raw.correct, raw.n)
        yield Optimism(
            benchmark=scores.benchmark,
            split=split,
            dev=dev,
            dev_n=n,
            final=raw.score,
            final_n=raw.n,
            difference=dev - raw.score,
            low=interval.low,
            high=interval.high,
        )
