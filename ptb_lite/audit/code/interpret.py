"""Follows a Python program's constants, names and data without running it.

An abstract interpreter over the syntax tree: every expression is worth a few alternatives
(`values.py`), imports and aliases resolve to dotted names, local functions are bound to the
arguments of their calls, and labels given to a call's result travel with whatever is made from it.
Loops and branches are walked once, three passes in all, with a budget of steps; what it cannot
tell is worth nothing, never an error.
"""

from __future__ import annotations

import ast
import zlib
from collections.abc import Iterable, Iterator

from ptb_lite.audit.code.switches.settings import Settings
from ptb_lite.audit.code.switches.start import Start
from ptb_lite.audit.code.syntax import UnreadableCodeError, parse
from ptb_lite.audit.code.values import Label, Site, World, known, union
from ptb_lite.audit.code.walker import (
    LabelSource,
    OutOfStepsError,
    PartPicker,
    Program,
    Walker,
)
from ptb_lite.audit.evidence import progress

_PASSES = 3
_MAX_STARTS = 6


def interpret(
    source: str,
    *,
    label: LabelSource = lambda _site: (),
    pick: PartPicker = lambda found, _key: found,
    world: World | None = None,
) -> Program:
    """What `source` calls and with what.

    `label` names what a call's result carries; `pick` refines a label where the code takes one
    part of what carries it (`dataset["train"]`). `world` is what the program finds around itself.
    Raises UnreadableCodeError.
    """
    progress.interpreting(source)
    tree = parse(source)
    around = world or World()
    starts = tuple(_distinct(around.starts))
    if not 0 < len(starts) <= _MAX_STARTS:
        return _interpreted(source, tree, label, pick, around)
    found = Program()
    for start in starts:
        one = _interpreted(source, tree, label, pick, around.started(start))
        found.sites += one.sites
        found.made += one.made if one.made != found.made else []
        found.asked += one.asked
        found.whole &= one.whole
    return found


def _distinct(starts: Iterable[Start]) -> Iterator[Start]:
    seen = set()
    for start in starts:
        key = (start.words, tuple(sorted(start.variables.items())))
        if key not in seen:
            seen.add(key)
            yield start


def _interpreted(
    source: str, tree: ast.Module, label: LabelSource, pick: PartPicker, around: World
) -> Program:
    """A program in one world."""
    walker = Walker(label, pick, around, zlib.crc32(source.encode("utf-8", "replace")))
    walker.settings = Settings(tree, around.starts, around.rebound, around.versions, around.modules)
    state: object = None
    for _ in range(_PASSES):
        walker.begin()
        try:
            walker.block(tree.body)
            walker.rest()
        except (OutOfStepsError, RecursionError):
            walker.program.whole = False
            break
        before, state = state, walker.state()
        if state == before:
            break  # another pass would see what this one saw
    return walker.program


__all__ = [
    "Label",
    "LabelSource",
    "PartPicker",
    "Program",
    "Site",
    "UnreadableCodeError",
    "World",
    "interpret",
    "known",
    "parse",
    "union",
]
