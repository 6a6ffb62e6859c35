"""Whether the submission knows the test items better than fresh ones of the same kind.

For every item the gain is how much lower its loss is by the submission than by the base model (nats
a token), 0 where it is higher: a model that was trained for too long is surer of everything, and
wrong by more about siblings with other numbers or names, but that is no knowledge of test items
(40 rows, 32 epochs: a gap of 1.5 nats on HumanEval without this, of 0.02 with it). Training on data
of the kind lifts test items and their siblings alike; training on the items themselves lifts
the test items alone. The statistic is the mean gain on test items less the mean gain on siblings
(a difference in differences: the base's own gap, from items that were in its pre-training, falls
out), paired where a sibling names its test item, with a 95 % percentile bootstrap interval over
items (Efron and Tibshirani 1993) and the p of a permutation test: signs of pairs flipped, else
labels of items dealt anew (Fisher 1935). The same for accuracy. A gap informs; one that is twice as
large as any of 64 honest models had, and no chance, decides (docs/audit.md, Memorisation).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ptb_lite.audit.case import AuditCase
from ptb_lite.audit.evidence.folder import printable
from ptb_lite.audit.evidence.losses import ItemLoss
from ptb_lite.audit.protocol import Detector
from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.events import Flag

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "memorisation"
FEWEST = 20
LEAST_NATS = 0.05
LEAST_ACCURACY = 0.05
DECIDING_NATS = 0.18
"""Twice the largest gap that was not chance among 64 honest models (nats a token)."""
P_VALUE = 0.001
KNOWN, BY_HEART = "known-test-items", "test-items-by-heart"
_ROUNDS = 4000
_PERMUTATIONS = 9_999
# Sums of the same numbers in another order differ by this much.
_ROUNDING = 1e-9
_SEED = 20_251_123


@dataclass(frozen=True)
class Gap:
    """`value` with its 95 % interval; `n` test items against `siblings` fresh ones. `p_value` is
    how often chance alone makes a gap at least as large (one-sided)."""

    value: float
    low: float
    high: float
    p_value: float
    n: int
    siblings: int

    def text(self, unit: str) -> str:
        smallest = 1 / (_PERMUTATIONS + 1)
        p = f"p = {self.p_value:.2g}" if self.p_value > smallest else f"p ≤ {smallest:.4f}"
        return (
            f"{self.value:+.3f} {unit} ({self.low:+.3f} to {self.high:+.3f}; {p}; "
            f"{self.n} test items, {self.siblings} fresh ones)"
        )


class MemorisationDetector(Detector):
    name = NAME
    deciding = False
    rules = (
        Rule(
            "by-heart",
            "decides",
            "test items are known better than fresh ones as hard, by more than training without "
            "them brings and than chance makes",
            kinds=(BY_HEART,),
        ),
        Rule(
            "memorised",
            "informs",
            "test items are known better than fresh ones of the same kind; "
            "evidence, not proof alone",
        ),
    )
    needs = ("losses",)
    deductions: ClassVar[Mapping[str, float]] = {BY_HEART: 1.0}

    def run(self, case: AuditCase) -> DetectorResult:
        if case.losses is None:
            return _skip("no losses were measured")
        by_view: dict[tuple[str, str], list[ItemLoss]] = defaultdict(list)
        for item in case.losses.items:
            by_view[item.benchmark, item.view].append(item)
        notes: list[str] = list(map(printable, case.losses.notes))
        known: list[tuple[str, Gap]] = []
        gaps: list[Gap] = []
        for (benchmark, view), items in sorted(by_view.items()):
            what = f"{benchmark or 'items'}{f' ({view})' if view else ''}"
            losses = loss_gap(items)
            if losses is None:
                notes.append(f"{what}: fewer than {FEWEST} test or fresh items")
                continue
            gaps.append(losses)
            answers = accuracy_gap(items)
            told = f"{what}: loss gap {losses.text('nats a token')}"
            if answers is not None:
                told += f"; accuracy gap {answers.text('of items')}"
            notes.append(told)
            if _shows(losses, LEAST_NATS) or _shows(answers, LEAST_ACCURACY):
                known.append((told, losses))
        sure = [gap for gap in not_by_chance(gaps) if gap.value >= DECIDING_NATS]
        flags = [_flag(told, gap, decides=gap in sure) for told, gap in known]
        if not any("loss gap" in note for note in notes):
            return _skip("; ".join(notes) or "no item was measured")
        return DetectorResult(
            detector=NAME,
            status="flagged" if flags else "clean",
            deciding=False,
            flags=tuple(flags),
            notes=tuple(notes),
        )


def not_by_chance(gaps: Sequence[Gap]) -> list[Gap]:
    """Those whose p, with the correction of Holm (1979) over all of them, is below `P_VALUE`."""
    found = []
    for rank, gap in enumerate(sorted(gaps, key=lambda gap: gap.p_value)):
        if gap.p_value * (len(gaps) - rank) >= P_VALUE:
            break
        found.append(gap)
    return found


def _shows(gap: Gap | None, least: float) -> bool:
    return gap is not None and gap.low > 0 and gap.value >= least


def loss_gap(items: Sequence[ItemLoss]) -> Gap | None:
    """Mean gain on test items less that on siblings; None when there are too few of either."""
    return _gap(items, {item.item_id: max(0.0, item.base_loss - item.loss) for item in items})


def accuracy_gap(items: Sequence[ItemLoss]) -> Gap | None:
    """The same of right answers; None when they were not generated for enough items."""
    gains = {
        item.item_id: float(item.correct) - float(item.base_correct)
        for item in items
        if item.correct is not None and item.base_correct is not None
    }
    return _gap([item for item in items if item.item_id in gains], gains)


def _gap(items: Iterable[ItemLoss], gains: dict[str, float]) -> Gap | None:
    import numpy

    test = [item for item in items if not item.sibling]
    fresh = [item for item in items if item.sibling]
    if len(test) < FEWEST or len(fresh) < FEWEST:
        return None
    source = numpy.random.default_rng(_SEED)
    theirs: dict[str, list[float]] = defaultdict(list)
    for item in fresh:
        theirs[item.sibling_of].append(gains[item.item_id])
    paired = [item for item in test if theirs.get(item.item_id)]
    if len(paired) == len(test):
        pairs = [gains[i.item_id] - float(numpy.mean(theirs[i.item_id])) for i in test]
        differences = numpy.asarray(pairs)
        values = _means(differences, source)
        value = float(differences.mean())
        p_value = _by_signs(differences, source)
    else:
        own = numpy.asarray([gains[item.item_id] for item in test])
        others = numpy.asarray([gains[item.item_id] for item in fresh])
        values = _means(own, source) - _means(others, source)
        value = float(own.mean() - others.mean())
        p_value = _by_labels(own, others, source)
    low, high = (float(edge) for edge in numpy.percentile(values, [2.5, 97.5]))
    return Gap(value, low, high, p_value, len(test), len(fresh))


def _means(values: NDArray[Any], source: Any) -> NDArray[Any]:
    """The means of resamples, a few hundred at a time so that memory stays small."""
    import numpy

    rounds = [
        values[source.integers(0, len(values), (200, len(values)))].mean(axis=1)
        for _ in range(_ROUNDS // 200)
    ]
    return numpy.concatenate(rounds)


def _by_signs(differences: NDArray[Any], source: Any) -> float:
    """One-sided p of the mean of pairs that chance could as well have swapped; itself counted
    (Phipson and Smyth 2010)."""
    observed, beyond = differences.sum() - _ROUNDING, 0
    for rounds in _parts():
        signs = 2.0 * source.integers(0, 2, (rounds, len(differences))) - 1.0
        beyond += int(((signs @ differences) >= observed).sum())
    return (beyond + 1) / (_PERMUTATIONS + 1)


def _by_labels(own: NDArray[Any], others: NDArray[Any], source: Any) -> float:
    """The same of items that are no pairs: which of them are test items is dealt anew."""
    import numpy

    # With the number of each fixed, a larger sum of one group is a larger difference of means.
    together = numpy.concatenate([own, others])
    observed, beyond = own.sum() - _ROUNDING, 0
    for rounds in _parts():
        dealt = source.permuted(numpy.tile(together, (rounds, 1)), axis=1)[:, : len(own)]
        beyond += int((dealt.sum(axis=1) >= observed).sum())
    return (beyond + 1) / (_PERMUTATIONS + 1)


def _parts() -> Iterable[int]:
    """How many permutations at a time, so that memory stays small."""
    return (
        len(range(first, min(first + 500, _PERMUTATIONS))) for first in range(0, _PERMUTATIONS, 500)
    )


def _flag(told: str, gap: Gap, *, decides: bool) -> Flag:
    return Flag(
        detector=NAME,
        kind=BY_HEART if decides else KNOWN,
        message=f"test items are known better than fresh ones: {told}",
        decides=decides,
        confidence=min(0.95, 0.5 + gap.value),
    )


def _skip(reason: str) -> DetectorResult:
    return DetectorResult(detector=NAME, status="skipped", deciding=False, reason=reason)


DETECTOR = MemorisationDetector()
