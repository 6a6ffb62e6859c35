"""The functions that the lm-eval task files name: items in, a judgement out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value

from ptb_lite.catalog.entries import ChatFamily
from ptb_lite.evaluation.benchmark import GENERIC, find_benchmark
from ptb_lite.evaluation.engine.chat import render
from ptb_lite.evaluation.items.item import Item, read_items

COLUMNS = ("id", "question", "target", "metadata", "benchmark", "prompt", "solved", "judged_by")
FEATURES = Features({name: Value("string") for name in COLUMNS})


def load_items(
    items: str,
    shots: str | None = None,
    benchmark: str = GENERIC,
    chat_family: ChatFamily | None = None,
    judged_by: str = "task",
    **_: Any,
) -> dict[str, Dataset]:
    """The `custom_dataset` of a task: `items` and `shots` are JSONL files of `Item` lines.

    lm-eval passes what `--metadata` holds. Without `shots` the train split is empty, which is
    enough for zero-shot. With `chat_family` the prompts are chats in its template; solved examples
    are always plain text. `judged_by: engine` leaves the judging to who reads the completions.
    Raises `ItemsError`.
    """

    def dataset(path: str | None, family: ChatFamily | None) -> Dataset:
        if path is None:
            # `from_list([])` refuses the features of an empty list.
            return Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)
        rows = [
            _row(item, benchmark, family) | {"judged_by": judged_by}
            for item in read_items(Path(path))
        ]
        return Dataset.from_list(rows, features=FEATURES) if rows else dataset(None, None)

    return {"test": dataset(items, chat_family), "train": dataset(shots, None)}


def doc_to_text(doc: Mapping[str, str]) -> str:
    return doc["prompt"]


def doc_to_target(doc: Mapping[str, str]) -> str:
    return doc["solved"]


def choices(doc: Mapping[str, str]) -> list[str]:
    """The answers to choose from. Raises KeyError where the item's metadata lists none."""
    return [str(choice) for choice in json.loads(doc["metadata"])["choices"]]


def right_choice(doc: Mapping[str, str]) -> int:
    """The place of the target among the choices. Raises ValueError where it is not one."""
    return choices(doc).index(doc["target"])


def process_results(doc: Mapping[str, str], results: Sequence[str]) -> dict[str, float]:
    """The score of one item; 0 where it is judged elsewhere (the engine, or a judge)."""
    if doc["judged_by"] == "engine":
        return {"correct": 0.0}
    item = Item(
        id=doc["id"],
        question=doc["question"],
        target=doc["target"],
        metadata=json.loads(doc["metadata"]),
    )
    return {"correct": find_benchmark(doc["benchmark"]).judge(item, results[0]).score or 0.0}


def _row(item: Item, benchmark: str, family: ChatFamily | None) -> dict[str, str]:
    functions = find_benchmark(benchmark)
    text = functions.plain(item) if family is None else render(functions.chat(item), family)
    return {
        "id": item.id,
        "question": item.question,
        "target": item.target,
        "metadata": json.dumps(item.metadata),
        "benchmark": benchmark,
        "prompt": text,
        "solved": functions.solved(item),
    }
