"""The functions that the lm-eval task files name: items in, a judgement out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, Features, Value

from ptb_lite.evaluation.answers import is_correct
from ptb_lite.evaluation.items import prompt, read_items

FEATURES = Features({name: Value("string") for name in ("id", "question", "target")})


def load_items(items: str, shots: str | None = None, **_: Any) -> dict[str, Dataset]:
    """The `custom_dataset` of a task: `items` and `shots` are JSONL files of `Item` lines.

    lm-eval passes what `--metadata` holds. Without `shots` the train split is empty, which is
    enough for zero-shot. Raises `ItemsError`.
    """
    return {
        "test": _dataset(Path(items)),
        "train": _dataset(Path(shots)) if shots else _dataset_of_none(),
    }


def _dataset_of_none() -> Dataset:
    # `from_list([])` refuses the features of an empty list.
    return Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)


def doc_to_text(doc: Mapping[str, str]) -> str:
    return prompt(doc["question"])


def doc_to_target(doc: Mapping[str, str]) -> str:
    return doc["target"]


def process_results(doc: Mapping[str, str], results: Sequence[str]) -> dict[str, float]:
    return {"correct": float(is_correct(results[0], doc["target"]))}


def _dataset(path: Path) -> Dataset:
    rows = [
        {"id": item.id, "question": item.question, "target": item.target}
        for item in read_items(path)
    ]
    return Dataset.from_list(rows, features=FEATURES)
