"""Fresh items that are as hard as given ones: of the same shape, each beside one of them.

Splits hold no question twice, so that what is drawn after them lacks the short questions that they
used up: of sums of two digits hardly any are left. A model that learnt sums gains most on those.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from ptb_lite.evaluation.items.item import Item

_NAME = re.compile(r"\b[A-Z][a-z]+(?=\s+(?:is|has|and)\b)|(?<=[a-z] )[A-Z][a-z]+")


def shape(question: str) -> str:
    """A question with every digit as 9 and every name as N: what equally hard ones share."""
    return _NAME.sub("N", re.sub(r"\d", "9", question))


def matched(items: Sequence[Item], fresh: Iterable[Item], each: int) -> dict[str, tuple[Item, ...]]:
    """By an item's id up to `each` fresh ones of its shape, none beside two items.

    They are dealt in turns, so that items of a rare shape share what there is. An item without any
    is left out.
    """
    waiting: dict[str, deque[Item]] = defaultdict(deque)
    for one in fresh:
        waiting[shape(one.question)].append(one)
    found: dict[str, list[Item]] = defaultdict(list)
    for _turn in range(each):
        for item in items:
            own = waiting[shape(item.question)]
            if own:
                found[item.id].append(own.popleft())
    return {name: tuple(ones) for name, ones in found.items()}
