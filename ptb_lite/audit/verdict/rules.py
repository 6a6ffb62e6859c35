"""The named rules of the verdict, read from verdict.yaml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from ptb_lite.audit.record import AuditRecord, DetectorResult
from ptb_lite.catalog.yaml_file import read_yaml, validate_at
from ptb_lite.errors import CatalogError
from ptb_lite.events import Flag, Record

# One item in so many places is no accident. It also keeps a detector's cut list of flags, which may
# name one item of every file only, from being taken for few items.
_MANY_PLACES = 50
OWN_RULES = Path(__file__).parent / "verdict.yaml"


class Rule(Record):
    """What flags of one detector mean for the verdict; the fields are explained in verdict.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    detector: str
    kinds: tuple[str, ...] = ()
    weight: Literal["decides", "informs"]
    tolerated_items: Annotated[int, Field(ge=0)] = 0
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    hidden: bool = False
    why: str

    def fits(self, flag: Flag) -> bool:
        return flag.detector == self.detector and (not self.kinds or flag.kind in self.kinds)


UNNAMED = Rule(
    name="unnamed-finding",
    detector="any",
    weight="decides",
    why="a detector without a rule of its own found proof",
)
"""For detectors that no rule names: their proof is not to be lost."""


@cache
def own_rules() -> tuple[Rule, ...]:
    """The package's rules. Raises CatalogError with file and line when they are malformed."""
    return read_rules(OWN_RULES)


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of one file, in its order. Raises CatalogError with file and line."""
    file = read_yaml(path)
    rules = []
    for name, fields in file.values.items():
        if not isinstance(fields, dict):
            raise CatalogError(f"'{name}' needs its fields below it", field=file.where([name]))
        rules.append(validate_at(Rule, {**fields, "name": name}, file, [name]))
    return tuple(rules)


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
