"""What a maker of siblings gives back."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

SIBLINGS = 2
"""Fresh siblings made of each item of a data set."""
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Worded:
    """A question and its whole solution. `spans` are the places of the solution, as character
    ranges in order, at which an item and its siblings differ: the same number of them in each.
    """

    question: str
    solution: str
    spans: Spans


@dataclass(frozen=True)
class Family:
    """An item as published and siblings of it; `original` has the item's own texts."""

    original: Worded
    siblings: tuple[Worded, ...]


@dataclass(frozen=True)
class Refusal:
    """Why no sound sibling of an item can be made, in a few words."""

    reason: str


@dataclass(frozen=True)
class Edit:
    """Replace the characters `start` to `end`; `marks`: it belongs to a text's spans."""

    start: int
    end: int
    text: str
    marks: bool = field(default=False)


def apply(text: str, edits: Iterable[Edit]) -> tuple[str, Spans]:
    """`text` with the edits made, and where the marked ones ended up. They must not overlap."""
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    place = length = 0
    for edit in sorted(edits, key=lambda one: one.start):
        if edit.start < place:
            raise ValueError("edits overlap")
        parts += [text[place : edit.start], edit.text]
        begin = length + edit.start - place
        length = begin + len(edit.text)
        place = edit.end
        if edit.marks:
            spans.append((begin, length))
    return "".join([*parts, text[place:]]), tuple(spans)


def source_for(item_id: str, seed: int) -> random.Random:
    """Chance of an item's own: its siblings do not depend on which others are asked for."""
    return random.Random(hashlib.sha256(f"siblings\n{seed}\n{item_id}".encode()).digest())
