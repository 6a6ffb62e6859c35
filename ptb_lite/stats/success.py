"""What counts as success, declared before a run in one line and judged after it. Pure functions.

The line is a list of terms, each of which must hold:

    gain over few-shot >= 5 points, p < 0.05, verdict clean, off-target loss <= 3 points

Gains are of the counted score where `raw` is not said. A term is met, not met, or cannot be told:
an interval that holds both sides of its bound tells nothing, and so does a score that is missing.
With several benchmarks every one must meet a term, and p-values are corrected after Holm (1979).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ptb_lite.errors import PtbLiteError
from ptb_lite.events import Verdict
from ptb_lite.stats.scoring import Interval, needed_n

MAX_LENGTH = 300
TERMS = (
    "[raw] gain over few-shot|zero-shot > N points",
    "p < N",
    "verdict clean",
    "off-target loss <= N points",
)
"""The terms that there are, as a person writes them; `>=` and `<` work as well."""
Baseline = Literal["few-shot", "zero-shot"]
_NUMBER = r"(?P<number>\d+(?:\.\d+)?)"
_GAIN = re.compile(
    rf"(?:(?P<score>raw|counted)\s+)?gain\s+over\s+(?P<base>few-shot|zero-shot)\s*"
    rf"(?P<sign>>=|>)\s*{_NUMBER}\s*(?:points?|%)"
)
_P = re.compile(rf"p\s*(?:<=|<)\s*{_NUMBER}")
_VERDICT = re.compile(r"verdict\s+(?:is\s+)?clean")
_LOSS = re.compile(rf"off-target\s+loss\s*(?P<sign><=|<)\s*{_NUMBER}\s*(?:points?|%)")


class SuccessError(PtbLiteError):
    """A line that is no declaration of success."""


@dataclass(frozen=True)
class GainTerm:
    text: str
    base: Baseline
    is_raw: bool
    bound: float
    """In [0, 1]."""
    strict: bool
    """Whether the gain must be above the bound, not only reach it."""


@dataclass(frozen=True)
class PTerm:
    text: str
    bound: float


@dataclass(frozen=True)
class VerdictTerm:
    text: str


@dataclass(frozen=True)
class LossTerm:
    text: str
    bound: float
    """In [0, 1]."""


Term = GainTerm | PTerm | VerdictTerm | LossTerm


class Told(StrEnum):
    """Whether something holds."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True)
class Change:
    """What one benchmark's score did, on the same items: after minus before, in [-1, 1]."""

    benchmark: str
    difference: float
    interval: Interval
    p_value: float
    n: int
    discordant: float
    """Share of items whose answer changed either way, in [0, 1]."""


@dataclass(frozen=True)
class Facts:
    """What a run came to. A benchmark without a score is in none of the mappings.

    `raw` and `counted` hold a target's change against each baseline; `off_target` the change of
    each benchmark that was no target, against zero-shot.
    """

    targets: tuple[str, ...]
    raw: Mapping[tuple[str, Baseline], Change]
    counted: Mapping[tuple[str, Baseline], Change]
    verdict: Verdict
    off_target: Sequence[Change] = ()


@dataclass(frozen=True)
class TermResult:
    term: str
    told: Told
    why: str
    """A figure or a reason, without a full stop."""
    needed_n: int | None = None
    """Items that would tell with a power of 80 %, where more of them would."""


@dataclass(frozen=True)
class SuccessResult:
    """A declaration judged: not met as soon as one term is not, met when all are."""

    declared: str
    told: Told
    terms: tuple[TermResult, ...]


def parse(text: str) -> tuple[Term, ...]:
    """The terms of a line. Raises SuccessError that names the term, and those that there are."""
    if len(text) > MAX_LENGTH:
        raise SuccessError(f"is longer than {MAX_LENGTH} characters", field="success")
    parts = [" ".join(part.lower().split()) for part in text.split(",") if part.strip()]
    if not parts:
        raise SuccessError("says nothing", field="success", hint=_known())
    terms = tuple(_term(part) for part in parts)
    if any(isinstance(term, PTerm) for term in terms) and not any(
        isinstance(term, GainTerm) for term in terms
    ):
        raise SuccessError("p is of a gain, and no gain is named", field="success", hint=_known())
    return terms


def judge(declared: str, facts: Facts) -> SuccessResult:
    """What became of a declaration. Raises SuccessError for a line that is none."""
    terms = parse(declared)
    gains = [term for term in terms if isinstance(term, GainTerm)]
    results = tuple(_judge_term(term, gains, facts) for term in terms)
    told = [result.told for result in results]
    if Told.NOT_MET in told:
        whole = Told.NOT_MET
    else:
        whole = Told.UNKNOWN if Told.UNKNOWN in told else Told.MET
    return SuccessResult(declared, whole, results)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values corrected for their number, in their order (Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6, 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    least = 0.0
    for rank, index in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = least
    return tuple(corrected)


def _term(part: str) -> Term:
    if found := _GAIN.fullmatch(part):
        base: Baseline = "few-shot" if found["base"] == "few-shot" else "zero-shot"
        bound = _points(found["number"], part)
        return GainTerm(part, base, found["score"] == "raw", bound, found["sign"] == ">")
    if found := _P.fullmatch(part):
        if not 0 < float(found["number"]) < 1:
            raise SuccessError(f"'{part}': p lies between 0 and 1", field="success")
        return PTerm(part, float(found["number"]))
    if _VERDICT.fullmatch(part):
        return VerdictTerm(part)
    if found := _LOSS.fullmatch(part):
        return LossTerm(part, _points(found["number"], part))
    raise SuccessError(f"'{part}' is not a term", field="success", hint=_known())


def _points(number: str, part: str) -> float:
    if float(number) > 100:
        raise SuccessError(f"'{part}': there are only 100 points", field="success")
    return float(number) / 100


def _known() -> str:
    return "Terms: " + "; ".join(TERMS)


def _judge_term(term: Term, gains: Sequence[GainTerm], facts: Facts) -> TermResult:
    match term:
        case VerdictTerm():
            return _verdict(term, facts.verdict)
        case LossTerm():
            return _losses(term, facts.off_target)
        case GainTerm():
            return _gain(term, facts)
        case PTerm():
            return _p_value(term, gains[0], facts)


def _verdict(term: VerdictTerm, verdict: Verdict) -> TermResult:
    told = {Verdict.CLEAN: Told.MET, Verdict.FLAGGED: Told.NOT_MET}.get(verdict, Told.UNKNOWN)
    return TermResult(term.text, told, f"the verdict is {verdict.value}")


def _changes(term: GainTerm, facts: Facts) -> list[Change] | None:
    """The change of every target; None where one of them has no score."""
    known = facts.raw if term.is_raw else facts.counted
    found = [known.get((target, term.base)) for target in facts.targets]
    return None if None in found else [change for change in found if change is not None]


def _gain(term: GainTerm, facts: Facts) -> TermResult:
    changes = _changes(term, facts)
    if not changes:
        return TermResult(term.text, Told.UNKNOWN, "there is no such score")
    told = [_above(change, term) for change in changes]
    return _worst(term.text, changes, told, term.bound)


def _above(change: Change, term: GainTerm) -> Told:
    low, high = change.interval.low, change.interval.high
    if low > term.bound or (low == term.bound and not term.strict):
        return Told.MET
    return (
        Told.NOT_MET if high < term.bound or (high == term.bound and term.strict) else Told.UNKNOWN
    )


def _p_value(term: PTerm, gain: GainTerm, facts: Facts) -> TermResult:
    changes = _changes(gain, facts)
    if not changes:
        return TermResult(term.text, Told.UNKNOWN, "there is no such score")
    corrected = holm([change.p_value for change in changes])
    worst = max(corrected)
    after = " after Holm's correction" if len(changes) > 1 else ""
    why = f"p = {worst:.3g}{after}"
    if worst < term.bound:
        return TermResult(term.text, Told.MET, why)
    change = changes[corrected.index(worst)]
    # Nothing gained is an answer; too little to be sure of is none.
    told = Told.NOT_MET if change.interval.high <= 0 else Told.UNKNOWN
    return TermResult(term.text, told, why, _telling_n(change, 0.0))


def _losses(term: LossTerm, changes: Sequence[Change]) -> TermResult:
    if not changes:
        return TermResult(term.text, Told.UNKNOWN, "no benchmark beside the target was measured")
    told = [_not_below(change, -term.bound) for change in changes]
    return _worst(term.text, changes, told, -term.bound)


def _not_below(change: Change, bound: float) -> Told:
    if change.interval.low >= bound:
        return Told.MET
    return Told.NOT_MET if change.interval.high < bound else Told.UNKNOWN


def _worst(text: str, changes: Sequence[Change], told: Sequence[Told], bound: float) -> TermResult:
    order = (Told.NOT_MET, Told.UNKNOWN, Told.MET)
    index = min(range(len(changes)), key=lambda at: (order.index(told[at]), changes[at].difference))
    change = changes[index]
    low, high = 100 * change.interval.low, 100 * change.interval.high
    why = f"{change.benchmark} {100 * change.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
    needed = _telling_n(change, bound) if told[index] is Told.UNKNOWN else None
    return TermResult(text, told[index], why, needed)


def _telling_n(change: Change, bound: float) -> int | None:
    """Items that would show this difference from the bound; None where none would."""
    distance = abs(change.difference - bound)
    discordant = max(change.discordant, distance)
    if not 0 < distance <= discordant <= 1:
        return None
    return max(needed_n(distance, discordant), change.n + 1)
