"""GSM8K problems with other numbers, their solutions worked out again.

The reference solutions carry calculator annotations, `<<48/2=24>>` (Cobbe et al. 2021, section 4).
Numbers of the question are exchanged for others of the same size and roundness, and the chain of
annotations is computed again. A sibling is kept only where that is sound: every number of the
solution is traced to a number of the question, to an earlier result or to a constant that the words
bring along, and where it could be several of these, all of them say the same. Integers stay
integers and positive numbers positive. Number words are left alone.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from ptb_lite.benchmarks.gsm8k.arithmetic import Sum, SumError, parse
from ptb_lite.benchmarks.gsm8k.constants import constants
from ptb_lite.benchmarks.gsm8k.numerals import (
    Numeral,
    all_read,
    another,
    find_numerals,
    written,
)
from ptb_lite.evaluation.family import Edit, Family, Refusal, Worded, apply

TRIES = 300
MAX_CHARACTERS = 10_000
_MAX_STEPS = 40
_ANNOTATION = re.compile(r"<<([^<>=]{1,200})=([^<>=]{1,40})>>")
# Not a quantity to be exchanged: ordinals, decades, fractions, times of day, ratios.
_FIXED_AFTER = re.compile(r"(?:st|nd|rd|th|s|am|pm)\b|\s?/\s?[0-9]|:[0-9]|\s?(?:a|p)\.?m\b", re.I)
_FIXED_BEFORE = re.compile(r"(?:[0-9]\s?/\s?|[0-9]:)$")
_SHARE = re.compile(r"\s*(?:%|percent)")
_YEARS = (1500, 2100)


@dataclass(frozen=True)
class _Step:
    """One annotation: its sum stands at `place` of the solution, its result is a numeral there."""

    place: int
    end: int
    sum: Sum
    result: Numeral


@dataclass(frozen=True)
class _Problem:
    question: str
    solution: str
    asked: tuple[Numeral, ...]
    told: tuple[Numeral, ...]
    steps: tuple[_Step, ...]
    constants: frozenset[Fraction]
    shares: frozenset[Fraction]
    free: tuple[Fraction, ...]


# Of every annotation so far: its result as published, and what it is now.
_Results = list[tuple[Numeral, Fraction]]


class _Unsound(Exception):  # noqa: N818  (an answer, not a fault)
    """These numbers do not do."""


def family(question: str, solution: str, *, count: int, source: random.Random) -> Family | Refusal:
    """`count` different siblings of a problem, or why there are none. Pure but for `source`."""
    problem = _read(question, solution)
    if isinstance(problem, Refusal):
        return problem
    original: Worded | None = None
    made: list[Worded] = []
    why = "no other numbers work out"
    there = {one.value for one in problem.asked}
    for _ in range(TRIES):
        if len(made) == count:
            break
        new = {value: another(value, source) for value in problem.free}
        if len({*new.values(), *there}) < len(new) + len(there):
            continue  # two numbers would become one, or one another
        try:
            first, sibling = _made(problem, new)
        except _Unsound as found:
            why = str(found) or why
            continue
        if sibling not in made:
            made.append(sibling)
            original = first
    if original is None or len(made) < count:
        return Refusal(why)
    return Family(original, tuple(made))


def _read(question: str, solution: str) -> _Problem | Refusal:
    """The problem taken apart, its own chain checked."""
    if len(question) + len(solution) > MAX_CHARACTERS:
        return Refusal("too long")
    try:
        steps = tuple(_steps(solution))
    except SumError:
        return Refusal("a calculator annotation that cannot be read")
    if not 0 < len(steps) <= _MAX_STEPS:
        return Refusal("no calculator annotations")
    asked = find_numerals(question)
    prose = _ANNOTATION.sub(lambda match: " " * len(match[0]), solution)
    told = find_numerals(prose)
    if not all_read(prose, told):
        return Refusal("a number that cannot be read")
    final = solution.rpartition("####")[2]
    last = find_numerals(final)
    if len(last) != 1 or last[0].value != steps[-1].result.value:
        return Refusal("the last step is not the answer")
    fixed = {one.value for one in asked if _is_fixed(question, one)}
    # Said twice, a number may stand for two things, of which the chain shows one.
    fixed |= {value for value, times in Counter(n.value for n in asked).items() if times > 1}
    known = constants(question, solution)
    shares = frozenset(one.value for one in asked if _SHARE.match(question[one.end :]))
    used = {literal.value for step in steps for literal in step.sum.literals}
    free = tuple(
        sorted(
            value
            for value in {one.value for one in asked} - fixed - known
            if value > 0 and (value in used or (value in shares and value / 100 in used))
        )
    )
    if not free:
        return Refusal("no number of the question can be exchanged")
    return _Problem(question, solution, asked, told, steps, known, shares, free)


def _steps(solution: str) -> Iterator[_Step]:
    """Raises SumError for an annotation that is no sum or whose result is not its value."""
    for match in _ANNOTATION.finditer(solution):
        results = find_numerals(match[2])
        if len(results) != 1 or results[0].text != match[2].strip():
            raise SumError("no result")
        read = parse(match[1])
        if read.value() != results[0].value:
            raise SumError("a result that is not the sum's value")
        start = match.start(2)
        one = results[0]
        moved = Numeral(start + one.start, start + one.end, one.text, one.value)
        yield _Step(match.start(1), match.end(), read, moved)
    if "<<" in _ANNOTATION.sub("", solution):
        raise SumError("an annotation of another form")


def _is_fixed(question: str, one: Numeral) -> bool:
    year = "," not in one.text and one.value.denominator == 1
    return bool(
        _FIXED_AFTER.match(question[one.end : one.end + 8])
        or _FIXED_BEFORE.search(question[max(0, one.start - 4) : one.start])
        or (year and _YEARS[0] <= one.value <= _YEARS[1] and question[: one.start][-1:] != "$")
    )


def _made(problem: _Problem, new: Mapping[Fraction, Fraction]) -> tuple[Worded, Worded]:
    """The item with its spans, and its sibling with theirs. Raises _Unsound."""
    if any(v in problem.shares and (v < 100) != (other < 100) for v, other in new.items()):
        raise _Unsound("no other numbers work out")
    edits, results = _worked_out(problem, new)
    edits += _told_again(problem, new, results)
    final = max(problem.told, key=lambda one: one.start)
    said = next((edit.text for edit in edits if edit.start == final.start), None)
    if said != written(results[-1][1], final.text):
        raise _Unsound("the answer cannot be told")
    question, _ = apply(
        problem.question,
        [e for one in problem.asked if one.value in new for e in _edit(one, new[one.value])],
    )
    solution, spans = apply(problem.solution, edits)
    own = tuple((edit.start, edit.end) for edit in sorted(edits, key=lambda one: one.start))
    return Worded(problem.question, problem.solution, own), Worded(question, solution, spans)


def _worked_out(problem: _Problem, new: Mapping[Fraction, Fraction]) -> tuple[list[Edit], _Results]:
    """The annotations with their sums computed again, and every result. Raises _Unsound."""
    edits: list[Edit] = []
    results: _Results = []
    for step in problem.steps:
        literals = step.sum.literals
        operands = [_traced(problem, one.value, new, results) for one in literals]
        try:
            value = step.sum.value(operands)
        except SumError:
            raise _Unsound from None
        pairs = list(zip(literals, operands, strict=True))
        _check(step.result.value, value, changed=any(one.value != now for one, now in pairs))
        for one, now in pairs:
            place = replace(one, start=step.place + one.start, end=step.place + one.end)
            edits += _edit(place, now)
        edits += _edit(step.result, value)
        results.append((step.result, value))
    if results[-1][0].value == results[-1][1]:
        raise _Unsound("the answer stays the same")
    return edits, results


def _told_again(
    problem: _Problem, new: Mapping[Fraction, Fraction], results: _Results
) -> list[Edit]:
    """The numbers of the solution outside of its annotations. Raises _Unsound."""
    # What stands right behind an annotation is its result.
    behind = {
        step.end: (was.value, now) for step, (was, now) in zip(problem.steps, results, strict=True)
    }
    edits: list[Edit] = []
    for one in problem.told:
        if one.start not in behind:
            edits += _edit(one, _traced(problem, one.value, new, results))
            continue
        was, now = behind[one.start]
        if was != one.value:
            raise _Unsound("a number that is not its annotation's")
        edits += _edit(one, now)
    return edits


def _edit(one: Numeral, value: Fraction) -> list[Edit]:
    if value == one.value:
        return []
    text = written(value, one.text)
    if text is None:
        raise _Unsound("a result that cannot be written")
    return [Edit(one.start, one.end, text, marks=True)]


def _traced(
    problem: _Problem,
    value: Fraction,
    new: Mapping[Fraction, Fraction],
    results: _Results,
) -> Fraction:
    """What stands in the place of `value`. Raises _Unsound where its origins do not agree."""
    origins = {other for result, other in results if result.value == value}
    for one in problem.asked:
        if one.value == value:
            origins.add(new.get(value, value))
        elif one.value in problem.shares and one.value == value * 100:
            origins.add(new.get(one.value, one.value) / 100)
    if value in problem.constants:
        origins.add(value)
    if not origins:
        raise _Unsound("a number from nowhere")
    if len(origins) > 1:
        raise _Unsound("a number of two origins")
    return next(iter(origins))


def _check(was: Fraction, now: Fraction, *, changed: bool) -> None:
    """Integers stay integers, positive numbers positive, and nothing grows out of proportion. Of
    changed operands the result is another, so that all siblings differ in the same places."""
    fits = (
        (now != was) == changed
        and (now.denominator == 1) == (was.denominator == 1)
        and (now > 0) == (was > 0)
        and (now >= 0) == (was >= 0)
        and abs(now) <= 6 * abs(was) + 6
    )
    if not fits:
        raise _Unsound("no other numbers work out")
