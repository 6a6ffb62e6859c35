"""Flags weighed by the named rules of their detectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.audit.registry import own_rules
from ptb_lite.audit.verdict.rule import UNNAMED, Rule
from ptb_lite.events import Flag

# One item in so many places is no accident. It also keeps a detector's cut list of flags, which may
# name one item of every file only, from being taken for few items.
_MANY_PLACES = 50


def rule_of(flag: Flag, rules: Iterable[Rule]) -> Rule:
    """The first rule that fits a flag, `UNNAMED` where none does."""
    return next((rule for rule in rules if rule.fits(flag)), UNNAMED)


def only_hidden(record: AuditRecord, rules: tuple[Rule, ...] | None = None) -> bool:
    """Whether an audit was decided by hidden forms of test data alone: renamed, reworded, encoded.
    That is a cheat who reckoned with being looked for."""
    known = own_rules() if rules is None else rules
    deciding = [flag for flag in record.flags() if flag.decides]
    return bool(deciding) and all(rule_of(flag, known).hidden for flag in deciding)


def weigh(result: DetectorResult, rules: tuple[Rule, ...] | None = None) -> DetectorResult:
    """A detector's result with its flags weighed: those that their rule does not let decide
    inform. Flags that inform already stay so."""
    known = own_rules() if rules is None else rules
    items: dict[str, set[str]] = {}
    places: Counter[str] = Counter()
    for flag in result.flags:
        if flag.decides and flag.item_id is not None:
            name = rule_of(flag, known).name
            items.setdefault(name, set()).add(flag.item_id)
            places[name] += 1

    def decides(flag: Flag) -> bool:
        rule = rule_of(flag, known)
        few = (
            flag.item_id is not None
            and len(items[rule.name]) <= rule.tolerated_items
            and places[rule.name] < _MANY_PLACES
        )
        return rule.weight == "decides" and flag.confidence >= rule.min_confidence and not few

    flags = tuple(
        flag.model_copy(update={"decides": False}) if flag.decides and not decides(flag) else flag
        for flag in result.flags
    )
    return result.model_copy(update={"flags": flags})
