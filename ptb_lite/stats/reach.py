"""How far a gain reaches: harmful, broad or narrow, by a rule. Pure functions.

Changes are of the raw score against zero-shot, on the same items, on targets and others alike. A
gain or a loss is shown where its two-sided paired test has p < 0.05, corrected after Holm for the
number of targets, or of other benchmarks. In this order:

1. harmful: a loss is shown on a benchmark that is no target;
2. no gain: not every target shows a gain;
3. broad: at least half of the other benchmarks show a gain;
4. narrow: more than half of them lie below every target's gain, upper end of the interval against
   lower end;
5. cannot be told.

"Narrow" is thus shown, too, and does not follow from too few items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ptb_lite.stats.success import Change, holm

ALPHA = 0.05
Reach = Literal["harmful", "no gain", "broad", "narrow", "cannot be told"]


@dataclass(frozen=True)
class FoundReach:
    reach: Reach
    why: str
    """One sentence with figures, without a full stop."""


def judge_reach(targets: Sequence[Change], others: Sequence[Change]) -> FoundReach:
    """`others` are the benchmarks that were no target; empty where none of them has a score."""
    if not others:
        return FoundReach("cannot be told", "no benchmark beside the target has a score")
    lost = [change for change in _shown(others) if change.difference < 0]
    if lost:
        return FoundReach("harmful", f"a loss is shown: {_named(lost)}")
    if not targets or sum(change.difference > 0 for change in _shown(targets)) < len(targets):
        return FoundReach("no gain", "not every target shows a gain")
    gained = [change for change in _shown(others) if change.difference > 0]
    if 2 * len(gained) >= len(others):
        return FoundReach("broad", f"a gain is shown there, too: {_named(gained)}")
    least = min(targets, key=lambda change: change.interval.low)
    below = [change for change in others if change.interval.high < least.interval.low]
    why = f"{_named(others)} against {_named([least])}"
    return FoundReach("narrow" if 2 * len(below) > len(others) else "cannot be told", why)


def _shown(changes: Sequence[Change]) -> list[Change]:
    """Those whose change is more than chance."""
    corrected = holm([change.p_value for change in changes])
    return [change for change, p in zip(changes, corrected, strict=True) if p < ALPHA]


def _named(changes: Sequence[Change]) -> str:
    return ", ".join(
        f"{change.benchmark} {100 * change.difference:+.1f} points "
        f"({100 * change.interval.low:+.1f} to {100 * change.interval.high:+.1f})"
        for change in changes
    )
