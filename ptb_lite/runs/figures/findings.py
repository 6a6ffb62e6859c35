"""What a run came to beside its scores: declared success, and when the agent iterated."""

from __future__ import annotations

from collections.abc import Iterable

from ptb_lite.record import Record


class SuccessTerm(Record):
    """One declared term and what became of it: met, not met, or cannot be told."""

    term: str
    told: str
    why: str
    needed_n: int | None = None
    """Items that would tell, where more of them would (power 80 %)."""


class Success(Record):
    """What was declared as success before the run, judged after it."""

    declared: str
    told: str
    terms: tuple[SuccessTerm, ...]

    @property
    def needed_n(self) -> int | None:
        """Items that would tell every term that cannot be told; None where none need or would."""
        if self.told != "cannot be told":
            return None
        needed = [term.needed_n for term in self.terms if term.told == self.told]
        known = [n for n in needed if n is not None]
        return max(known) if known and len(known) == len(needed) else None

    @property
    def short(self) -> str:
        """In a few words, for a table."""
        return f"{self.told} ({self.needed_n:,} items would)" if self.needed_n else self.told


class SuccessCount(Record):
    """How many runs met what they declared; `needed_n` items would tell every one of the `unknown`
    that more items can. Runs from before there was a declaration are in none."""

    met: int = 0
    not_met: int = 0
    unknown: int = 0
    needed_n: int | None = None

    @classmethod
    def of(cls, found: Iterable[Success]) -> SuccessCount:
        every = tuple(found)
        told = [one.told for one in every]
        return cls(
            met=told.count("met"),
            not_met=told.count("not met"),
            unknown=told.count("cannot be told"),
            needed_n=max((one.needed_n for one in every if one.needed_n), default=None),
        )

    @property
    def n(self) -> int:
        """Runs with a declaration."""
        return self.met + self.not_met + self.unknown

    @property
    def words(self) -> str:
        """ "3 met, 1 not met, 2 cannot be told (1,200 items would)"; empty without any."""
        would = f" ({self.needed_n:,} items would)" if self.needed_n else ""
        counts = (
            (self.met, "met"),
            (self.not_met, "not met"),
            (self.unknown, f"cannot be told{would}"),
        )
        return ", ".join(f"{count} {word}" for count, word in counts if count)


class Optimism(Record):
    """What dev said of the weights that were submitted beside what the final evaluation said.

    `difference` is dev minus final, in [-1, 1], with its 95 % interval: the items are others.
    """

    benchmark: str
    split: str
    dev: float
    dev_n: int
    final: float
    final_n: int
    difference: float
    low: float
    high: float


class Iterations(Record):
    """The ledger in figures; seconds after the agent began.

    `kept` trainings made weights that stood in final_model/ at some time, `discarded` ones ended
    and did not, `crashed` ones said no end; the rest, and `by_other_means`, were seen in the trace
    alone. `best` is the best mean dev score over all targets, zero-shot, of anything but the base;
    `last_improvement` is when it was reached, and `after_it` how long the agent went on. `unseen`
    notes had no process that the host saw.
    """

    trainings: int = 0
    kept: int = 0
    discarded: int = 0
    crashed: int = 0
    evaluations: int = 0
    by_other_means: int = 0
    changes: int = 0
    unseen: int = 0
    best: float | None = None
    last_improvement: float | None = None
    after_it: float | None = None
    optimism: tuple[Optimism, ...] = ()
