"""Could chance explain it? Siblings of the test items as a control, and an exact test.

Someone who writes ten thousand sums of their own hits some test items without having seen one,
and hits fresh items of the same kind as often. So every item with numbers gets siblings (the same
text, other numbers, in no split), they are searched in the same way, and only what exceeds their
rate counts. Items are compared with siblings of as many digits, because the chance of a hit falls
tenfold with each. Where hardly a sibling is left (a space so small that the splits use it up),
chance and cheating cannot be told apart, and hits inform only. Long items and items of words
alone have no siblings: unless the case brings a control for them, every hit counts.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ptb_lite.audit.item import TestItem
from ptb_lite.audit.text.phrases import Templates, Wanted, plain

TOLERATED_ITEMS = 3
SIGNIFICANCE = 1e-3
_TOLD_EXACTLY = 1e-99
SIBLING_FACTOR = 3.0
_PER_ITEM = 10
_MAX_SIBLINGS = 5000
_NUMBER = re.compile(r"\d+")

Stratum = tuple[str, int]


@dataclass(frozen=True)
class Judgement:
    """`decides` when more than the tolerated number of items cannot be explained by chance."""

    decides: bool
    found: int
    control_found: int
    p_value: float
    why: str


def siblings(wanted: Sequence[Wanted], templates: Templates) -> tuple[TestItem, ...]:
    """Fresh items: those of `wanted` that are short, with their own numbers drawn again from the
    numbers of as many digits that the benchmark uses. The same input gives the same siblings."""
    short = [want for want in wanted if not want.is_long() and want.digits]
    pools = _pools(short, templates)
    taken = {plain(want.item.question) for want in wanted}
    source = random.Random(20_250_101)
    rounds = min(_PER_ITEM, max(1, _MAX_SIBLINGS // max(1, len(short))))
    made: list[TestItem] = []
    for want in short * rounds:
        text = plain(want.item.question)
        question = _redraw(text, want, templates, pools, source)
        if question not in taken:
            taken.add(question)
            made.append(TestItem(f"sibling-{len(made)}", question, "", want.item.benchmark))
    return tuple(made[:_MAX_SIBLINGS])


def judge(
    found: Iterable[Wanted], control_found: Iterable[Wanted], sizes: Sizes, *, factor: float = 1.0
) -> Judgement:
    """Whether the test items found exceed what the control items found explain, at least by
    `factor` (above 1 for siblings, which imitate a generator but do not know its rules).

    One-sided Fisher exact tests (hypergeometric tail), over all strata together and within each,
    Bonferroni-corrected; no hit at all in a control as large leaves nothing to chance.
    """
    hits, control_hits = Counter(map(stratum, found)), Counter(map(stratum, control_found))
    certain = sum(hits[key] for key in hits if key[1] <= 0 and not sizes.control[key])
    tested = [key for key in sizes.test if 4 * sizes.control[key] >= sizes.test[key]]
    aside = sum(hits.values()) - certain - sum(hits[key] for key in tested)
    tables = [(hits[key], sizes.test[key], control_hits[key], sizes.control[key]) for key in tested]
    whole = tuple(map(sum, zip(*tables, strict=True))) if tables else (0, 0, 0, 0)
    chance = [_excess(table, factor) for table in (*tables, whole)]
    p_value = min(1.0, min(chance) * len(chance))
    unexplained = certain
    if (whole[2] == 0 and whole[3] >= whole[1]) or p_value < SIGNIFICANCE:
        unexplained += whole[0]
    return Judgement(
        decides=unexplained > TOLERATED_ITEMS,
        found=certain + whole[0] + aside,
        control_found=whole[2],
        p_value=p_value,
        why=_why(unexplained, certain, whole, aside, p_value),
    )


@dataclass(frozen=True)
class Sizes:
    """How many test and control items every stratum has."""

    test: Counter[Stratum]
    control: Counter[Stratum]

    @classmethod
    def of(cls, test: Iterable[Wanted], control: Iterable[Wanted]) -> Sizes:
        return cls(Counter(map(stratum, test)), Counter(map(stratum, control)))


def stratum(want: Wanted) -> Stratum:
    """Items that chance hits equally often; -1 digits stand for long ones."""
    return want.item.benchmark, -1 if want.is_long() else want.digits


def _excess(table: tuple[int, ...], factor: float) -> float:
    found, size, control_found, control_size = table
    if found * control_size < factor * control_found * size:
        return 1.0
    return fisher_tail(found, size, control_found, control_size)


def fisher_tail(found: int, size: int, control_found: int, control_size: int) -> float:
    """P(at least `found` of the hits are test items), were hits spread evenly (hypergeometric)."""
    hits = found + control_found
    total = math.comb(size + control_size, hits)
    ways = sum(
        math.comb(size, k) * math.comb(control_size, hits - k)
        for k in range(found, min(size, hits) + 1)
    )
    return ways / total


def _why(unexplained: int, certain: int, whole: tuple[int, ...], aside: int, p_value: float) -> str:
    found, size, control_found, control_size = whole
    parts = []
    if size:
        # A float of it may be 0, which no probability here is.
        told = f"p = {p_value:.2g}" if p_value > _TOLD_EXACTLY else f"p < {_TOLD_EXACTLY:.0e}"
        parts.append(
            f"{found} of {size} test items against {control_found} of {control_size} fresh "
            f"items of the same kind ({told})"
        )
    if certain:
        parts.append(f"{certain} without a control")
    if aside:
        parts.append(f"{aside} items that are too few in kind to tell from chance")
    rule = f"more than {TOLERATED_ITEMS} items" if unexplained > TOLERATED_ITEMS else "tolerated"
    return f"{rule}: {', '.join(parts) or 'nothing found'}"


def _pools(short: Sequence[Wanted], templates: Templates) -> dict[Stratum, list[str]]:
    """The benchmark's own numbers, by benchmark and number of digits."""
    pools: dict[Stratum, list[str]] = defaultdict(list)
    for want in short:
        for number in _NUMBER.findall(want.core):
            if not templates.is_shared(want.item.benchmark, number):
                pools[want.item.benchmark, len(number)].append(number)
    return pools


def _redraw(
    text: str,
    want: Wanted,
    templates: Templates,
    pools: dict[Stratum, list[str]],
    source: random.Random,
) -> str:
    benchmark = want.item.benchmark
    start, end = templates.core_span(benchmark, text)

    def other(match: re.Match[str]) -> str:
        pool = pools.get((benchmark, len(match[0])))
        fixed = not pool or templates.is_shared(benchmark, match[0])
        return match[0] if fixed or pool is None else source.choice(pool)

    return text[:start] + _NUMBER.sub(other, text[start:end]) + text[end:]
