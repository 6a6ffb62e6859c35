"""A flag in words: what was found, where, and its evidence beside the test item."""

from __future__ import annotations

from dataclasses import dataclass

from ptb_lite.events import Flag
from ptb_lite.narrate import flag_name, flag_place, severity
from ptb_lite.text import clean, one_line

MAX_EVIDENCE = 20_000


@dataclass(frozen=True)
class Side:
    title: str
    text: str


@dataclass(frozen=True)
class FlagParts:
    """`facts` are lines; `sides` stand beside one another where there is room."""

    title: str
    facts: str
    sides: tuple[Side, ...]

    def as_text(self) -> str:
        """Everything as lines, to be copied."""
        sides = (f"{side.title}:\n{side.text}" for side in self.sides)
        return "\n\n".join([f"{self.title}\n{self.facts}", *sides])


def place_of(flag: Flag) -> str:
    """File and line, or empty."""
    if flag.file is None:
        return ""
    return one_line(flag_place(flag), 300)


def flag_parts(flag: Flag, *, live: bool = False) -> FlagParts:
    weight = "violation: the verdict is flagged" if flag.decides else "note: no part of the verdict"
    seen = ", seen while the agent was at work" if live else ""
    facts = [clean(flag.message, 2000), f"{weight}{seen}"]
    if flag.file is not None:
        facts.append(place_of(flag))
    figures = [f"confidence {flag.confidence:.2f}"]
    if flag.similarity is not None:
        figures.insert(0, f"similarity {flag.similarity:.2f}")
    facts.append(", ".join(figures))
    sides = []
    if flag.excerpt is not None:
        sides.append(Side("what was found", clean(flag.excerpt, MAX_EVIDENCE)))
    if flag.item_text is not None or flag.item_id is not None:
        name = f"test item {one_line(flag.item_id, 80)}" if flag.item_id else "test item"
        sides.append(Side(name, clean(flag.item_text or "its text is not kept", MAX_EVIDENCE)))
    return FlagParts(
        title=f"{severity(flag)} {one_line(flag_name(flag), 120)}",
        facts="\n".join(facts),
        sides=tuple(sides),
    )
