"""The splits of a dataset benchmark: what is scored, what the agent sees, and in which order.

Order. Test items stand in a stratified order: each stratum is shuffled by the run's seed, and the
strata are interleaved in proportion, so that the first N items are a stratified sample for every
N (`--limit`). Splits. Dev items come from the train side; where there is none they are taken out
of the test set, evenly by that order, and are then not scored.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ptb_lite.catalog.entries import BenchmarkEntry
from ptb_lite.evaluation.answers import normalise
from ptb_lite.evaluation.benchmark import find_benchmark
from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.items.rows import Rows, load_rows

Feedback = Literal["dev", "test"]
ROW = "row"
"""Key of an item's metadata: its row in the published table, from 0."""


@dataclass(frozen=True)
class DatasetSplits:
    """The three splits, and the ids of test-set items that are not scored in this run."""

    train: tuple[Item, ...]
    dev: tuple[Item, ...]
    test: tuple[Item, ...]
    held_out: tuple[str, ...]
    sha256: tuple[str, ...]


def dataset_splits(
    entry: BenchmarkEntry, *, seed: int, feedback: Feedback, data_dir: Path | None
) -> DatasetSplits:
    """Read and split a dataset benchmark; the same for the same arguments and data.

    Raises `DataMissingError` and `ItemsError` (rows that are not as expected, too few of them).
    """
    return split_rows(entry, load_rows(entry, data_dir), seed=seed, feedback=feedback)


def split_rows(
    entry: BenchmarkEntry, rows: Rows, *, seed: int, feedback: Feedback
) -> DatasetSplits:
    """As `dataset_splits`, of rows in memory."""
    test = stratified(_items(entry, rows.test), f"{entry.id} test {seed}")
    if len(test) != entry.test_size:
        raise ItemsError(
            f"its test data has {len(test)} items, {entry.test_size} are expected",
            field=f"benchmark {entry.id}",
            hint="The dataset has changed or is damaged: fetch it again, or put test_size right "
            "in benchmarks.yaml",
        )
    seen = {normalise(item.question) for item in test}
    side = [item for item in _items(entry, rows.train) if normalise(item.question) not in seen]
    ordered = stratified(side, f"{entry.id} train {seed}")
    if entry.data is not None and entry.data.train is not None:
        return _from_train_side(entry, test, ordered, rows.sha256)
    return _from_test_set(entry, test, rows.sha256, feedback)


def test_and_train_items(
    entry: BenchmarkEntry, data_dir: Path | None
) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    """Every item of the test table and of the train side, in the order of the rows."""
    rows = load_rows(entry, data_dir)
    return tuple(_items(entry, rows.test)), tuple(_items(entry, rows.train))


def stratified(items: Sequence[Item], seed: str) -> tuple[Item, ...]:
    """`items` in an order of which every beginning has each stratum in proportion.

    Item k of n in a stratum stands at (k + u) / n with one random u per stratum: systematic
    sampling (Cochran 1977, Sampling Techniques, chapter 8) within strata.
    """
    strata: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.id):
        strata[str(item.metadata.get("stratum", ""))].append(item)
    placed: list[tuple[float, str, Item]] = []
    for name, members in sorted(strata.items()):
        chance = random.Random(hashlib.sha256(f"{seed}\n{name}".encode()).digest())
        chance.shuffle(members)
        start = chance.random()
        placed += [((k + start) / len(members), item.id, item) for k, item in enumerate(members)]
    return tuple(item for _, _, item in sorted(placed, key=lambda entry: entry[:2]))


def _from_train_side(
    entry: BenchmarkEntry, test: tuple[Item, ...], side: tuple[Item, ...], sha256: tuple[str, ...]
) -> DatasetSplits:
    needed = entry.dev_size + entry.num_fewshot
    if len(side) < needed:
        raise ItemsError(
            f"its train side has {len(side)} items, {needed} are needed",
            field=f"benchmark {entry.id}",
        )
    dev, rest = side[: entry.dev_size], side[entry.dev_size :]
    return DatasetSplits(rest[: entry.train_size], dev, test, (), sha256)


def _from_test_set(
    entry: BenchmarkEntry, test: tuple[Item, ...], sha256: tuple[str, ...], feedback: Feedback
) -> DatasetSplits:
    """No train side: few-shot examples, and dev items where the agent gets any, are not scored."""
    dev_size = entry.dev_size if feedback == "dev" else 0
    # An example without an answer would teach to say nothing.
    train = tuple(item for item in test if item.target)[: entry.train_size]
    rest = tuple(item for item in test if item not in train)
    dev, scored = rest[:dev_size], rest[dev_size:]
    held_out = tuple(item.id for item in (*train, *dev))
    return DatasetSplits(train, dev, scored, held_out, sha256)


def _items(entry: BenchmarkEntry, rows: Iterable[Mapping[str, Any]]) -> list[Item]:
    benchmark = find_benchmark(entry.id)
    if benchmark.id != entry.id:
        raise ItemsError(
            "there is no scorer for it", field=f"benchmark {entry.id}", hint="Known ids only"
        )
    found: dict[str, Item] = {}
    for number, row in enumerate(rows, start=1):
        try:
            item = benchmark.item(row)
        except (KeyError, IndexError, TypeError, ValueError, SyntaxError) as error:
            raise ItemsError(
                f"row {number} is not as expected ({type(error).__name__}: {error})"[:300],
                field=f"benchmark {entry.id}",
            ) from error
        if item is not None:
            placed = {**item.metadata, ROW: number - 1}
            found.setdefault(item.id, item.model_copy(update={"metadata": placed}))
    return list(found.values())
