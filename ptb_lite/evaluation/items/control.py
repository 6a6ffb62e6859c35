"""Control items for the audit: of a benchmark's kind, and in none of its splits.

What an agent hits by chance, or by drawing items of its own, it hits among these as often as among
the test items; what it was given, it hits among the test items only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.evaluation.answers import normalise
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.items.splits import MAX_DRAWS_PER_ITEM, split_seed

COUNT = 2000


def control_items(
    entry: BenchmarkEntry, splits: Iterable[Path], *, seed: int, salt: str, count: int = COUNT
) -> tuple[Item, ...]:
    """Up to `count` fresh items; fewer where the benchmark has no more different questions.

    None of a dataset or a task of lm-eval: nothing of their kinds can be drawn that is not public.

    The seed is keyed by `salt` like the test split's, so an agent cannot draw them. Raises
    `ItemsError` when a split cannot be read or the generator refuses its options.
    """
    if entry.kind != "procedural":
        return ()
    taken = (item for path in splits for item in read_items(path))
    return fresh_items(entry, taken, seed=seed, salt=salt, count=count)


def fresh_items(
    entry: BenchmarkEntry, taken: Iterable[Item], *, seed: int, salt: str, count: int = COUNT
) -> tuple[Item, ...]:
    """As `control_items`, of a procedural benchmark whose other items are in memory."""
    from ptb_lite.evaluation.items.generators import draw

    seen = {normalise(item.question) for item in taken}
    keyed = hashlib.sha256(f"control\n{salt}".encode()).hexdigest()
    drafts = draw(
        entry.generator,
        entry.generator_options,
        seed=split_seed("test", entry.id, seed=seed, salt=keyed),
        count=count * MAX_DRAWS_PER_ITEM,
    )

    def fresh() -> Iterable[Item]:
        for draft in drafts:
            key = normalise(draft.question)
            if key not in seen:
                seen.add(key)
                yield Item(id=f"control-{len(seen)}", question=draft.question, target=draft.target)

    return tuple(islice(fresh(), count))
