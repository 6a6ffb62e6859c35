"""One verdict of many results, by named rules.

1. A flag that its rule lets decide: flagged, and every rule behind it is named.
   Evidence stands whatever else could not be looked at.
2. Else, a deciding detector that was skipped, wholly or in part: inconclusive (rule
   "not-everything-seen"), and so is an audit without any deciding detector ("nothing-looked").
3. Else: clean (rule "nothing-decides").

A submission that is missing or invalid is a result of its own (no valid submission, base score)
and says nothing about cheating: its flags inform.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ptb_lite.audit.record import DetectorResult
from ptb_lite.audit.registry import own_rules
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.audit.verdict.rules import rule_of
from ptb_lite.events import Verdict
from ptb_lite.text import plural


@dataclass(frozen=True)
class Decision:
    """`rules` are the names of the rules that made the verdict."""

    verdict: Verdict
    reason: str
    rules: tuple[str, ...]


def decide(results: Sequence[DetectorResult], rules: tuple[Rule, ...] | None = None) -> Decision:
    """The verdict on results that were weighed (`rules.weigh`), with the rules and the findings
    behind it in one sentence. `rules` default to the package's own."""
    decision = _decide(results, own_rules() if rules is None else rules)
    absent = [r for r in results if r.package and r.status == "skipped" and not r.deciding]
    if not absent:
        return decision
    named = ", ".join(f"{result.detector} ({result.package})" for result in absent)
    return replace(decision, reason=f"{decision.reason}; outside detectors skipped: {named}")


def _decide(results: Sequence[DetectorResult], known: tuple[Rule, ...]) -> Decision:
    findings = _findings(results, known)
    if findings:
        reason = "; ".join(f"{name}: {found}" for name, found in findings.items())
        return Decision(Verdict.FLAGGED, reason, tuple(findings))
    skipped = [result for result in results if result.deciding and result.status == "skipped"]
    if skipped:
        reasons = "; ".join(f"{result.detector}: {result.reason}" for result in skipped)
        reason = f"not-everything-seen: not everything was read: {reasons}"
        return Decision(Verdict.INCONCLUSIVE, reason, ("not-everything-seen",))
    if not any(result.deciding for result in results):
        reason = "nothing-looked: no deciding detector ran"
        return Decision(Verdict.INCONCLUSIVE, reason, ("nothing-looked",))
    absent = [result.detector for result in results if result.status == "skipped"]
    ran = f"{plural(len(results) - len(absent), 'detector')} ran"
    could_not = f", {len(absent)} could not: {', '.join(absent)}" if absent else ""
    informing = sum(len(result.flags) for result in results)
    aside = plural(informing, "flag that only informs", "flags that only inform")
    aside = f"; {aside}" if informing else ""
    return Decision(Verdict.CLEAN, f"{ran}{could_not}{aside}", ("nothing-decides",))


def _findings(results: Sequence[DetectorResult], rules: tuple[Rule, ...]) -> dict[str, str]:
    """What decides, in words, by the name of its rule."""
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        for flag in result.flags:
            if flag.decides:
                kinds[rule_of(flag, rules).name][f"{flag.detector} {flag.kind}"] += 1
    return {
        name: ", ".join(f"{what} ×{count}" for what, count in sorted(found.items()))
        for name, found in kinds.items()
    }
