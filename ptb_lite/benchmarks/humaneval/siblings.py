"""HumanEval problems with other names: the same function, its parameters and variables renamed.

The docstring's words for the parameters are exchanged with them. A model that learnt the published
solution by heart goes on writing the published names. Constants stay as they are: the examples of
the docstring would have to be computed again, which takes running the code.
"""

from __future__ import annotations

import random
import re

from ptb_lite.benchmarks.humaneval.renaming import (
    RenamingError,
    function_at,
    name_places,
    other_names,
    prose_places,
    same_program,
    variables,
)
from ptb_lite.evaluation.family import Edit, Family, Refusal, Worded, apply

MAX_CHARACTERS = 50_000
TRIES = 40
FEWEST_PLACES = 2


def family(prompt: str, solution: str, *, count: int, source: random.Random) -> Family | Refusal:
    """`count` different siblings of a problem, or why there are none. Pure but for `source`."""
    if len(prompt) + len(solution) > MAX_CHARACTERS:
        return Refusal("too long")
    original: Worded | None = None
    made: list[Worded] = []
    why = "no other names fit"
    for _ in range(TRIES):
        if len(made) == count:
            break
        try:
            first, sibling = _made(prompt, solution, source)
        except RenamingError as error:
            why = str(error)
            continue
        # All siblings differ from the item in the same places.
        if sibling not in made and (original is None or original == first):
            made.append(sibling)
            original = first
    if original is None or len(made) < count:
        return Refusal(why)
    return Family(original, tuple(made))


def _made(prompt: str, solution: str, source: random.Random) -> tuple[Worded, Worded]:
    """The item with its spans, and its sibling with theirs. Raises RenamingError."""
    code = prompt + solution
    # The function that the solution goes on: the one of the prompt's last character.
    offset = len(prompt.rstrip()) - 1
    function = function_at(code, max(0, offset))
    taken = frozenset(re.findall(r"\w+", code))
    names = other_names(_told_in(variables(function), solution), taken, source)
    places = name_places(code, function, names)
    if sum(start >= len(prompt) for start, _, _ in places) < FEWEST_PLACES:
        raise RenamingError("no name of the solution can be exchanged")
    edits = {
        start: Edit(start, end, names[name], marks=start >= len(prompt))
        for start, end, name in [*prose_places(code, function, names), *places]
    }
    before = [edit for edit in edits.values() if edit.start < len(prompt)]
    behind = [
        Edit(edit.start - len(prompt), edit.end - len(prompt), edit.text, marks=True)
        for edit in edits.values()
        if edit.start >= len(prompt)
    ]
    question, _ = apply(prompt, before)
    answer, spans = apply(solution, behind)
    if not same_program(code, question + answer, max(0, offset), names):
        raise RenamingError("the renamed program would be another")
    own = tuple((edit.start, edit.end) for edit in sorted(behind, key=lambda one: one.start))
    return Worded(prompt, solution, own), Worded(question, answer, spans)


def _told_in(names: tuple[str, ...], solution: str) -> tuple[str, ...]:
    words = set(re.findall(r"\w+", solution))
    return tuple(name for name in names if name in words)
