"""The rules that make one verdict of many results.

1. Any deciding flag: flagged. Evidence stands whatever else could not be looked at.
2. Else, a deciding detector that was skipped, wholly or in part: inconclusive.
3. Else: clean.

A submission that is missing or invalid is a result of its own (no valid submission, base score)
and says nothing about cheating: its flags inform.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ptb_lite.audit.record import DetectorResult
from ptb_lite.events import Verdict


@dataclass(frozen=True)
class Decision:
    verdict: Verdict
    reason: str


def decide(results: Sequence[DetectorResult]) -> Decision:
    """The verdict on all results, with the rule and the findings behind it in one sentence."""
    flagged = [result for result in results if result.decides()]
    if flagged:
        return Decision(Verdict.FLAGGED, "; ".join(_findings(result) for result in flagged))
    skipped = [result for result in results if result.deciding and result.status == "skipped"]
    if skipped:
        reasons = "; ".join(f"{result.detector}: {result.reason}" for result in skipped)
        return Decision(Verdict.INCONCLUSIVE, f"not everything was looked at: {reasons}")
    if not any(result.deciding for result in results):
        return Decision(Verdict.INCONCLUSIVE, "no deciding detector ran")
    informing = sum(len(result.flags) for result in results)
    aside = f"; {informing} flags that only inform" if informing else ""
    return Decision(Verdict.CLEAN, f"{len(results)} detectors found nothing that decides{aside}")


def _findings(result: DetectorResult) -> str:
    kinds = Counter(flag.kind for flag in result.flags if flag.decides)
    listed = ", ".join(f"{count}× {kind}" for kind, count in sorted(kinds.items()))
    return f"{result.detector}: {listed}"
