"""A task's documents as items, and its splits: what is scored, what may be trained on."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ptb_lite.evaluation.answers import normalise
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.lm_tasks.task import BEGINS

DOC = "doc"
"""Key of an item's metadata: the place of its document in the split, from 0."""
MOST_DEV, MOST_TRAIN = 200, 10_000
_DEV_SHARE = 5


@dataclass(frozen=True)
class TaskSplits:
    """`test` is what is scored, in the order of the task; `source` where the others come from."""

    train: tuple[Item, ...]
    dev: tuple[Item, ...]
    test: tuple[Item, ...]
    held_out: tuple[str, ...]
    scored_split: str
    source: str


def splits_of(task: Any, *, seed: int, feedback: Literal["dev", "test"]) -> TaskSplits:
    """The splits of a loaded task, the same for the same seed.

    Train and dev items are of the task's own training, validation or few-shot split, less what is
    also asked in the test; where it has none of them, dev items are a seeded part of the test, and
    not scored where the agent may see them.
    """
    scored = task.config.test_split or task.config.validation_split
    test = _items(task, task.eval_docs, "test")
    chance = random.Random(hashlib.sha256(f"lm-eval\n{task.task_name}\n{seed}".encode()).digest())
    name, docs = _own(task, scored)
    asked = {normalise(item.question) for item in test}
    own = [item for item in _items(task, docs, name) if normalise(item.question) not in asked]
    if len(own) >= 2:
        chance.shuffle(own)
        cut = min(MOST_DEV, len(own) // 2)
        return TaskSplits(
            tuple(own[cut : cut + MOST_TRAIN]), tuple(own[:cut]), test, (), scored, name
        )
    count = min(MOST_DEV, len(test) // _DEV_SHARE) if feedback == "dev" else 0
    taken = set(chance.sample(range(len(test)), count))
    dev = tuple(item for place, item in enumerate(test) if place in taken)
    rest = tuple(item for place, item in enumerate(test) if place not in taken)
    return TaskSplits((), dev, rest, tuple(item.id for item in dev), scored, scored)


def own_shots(task: Any) -> int:
    """How many few-shot examples there are that are not test items."""
    return len(_own(task, task.config.test_split or task.config.validation_split)[1])


def documents(task: Any, split: str, items: Sequence[Item]) -> list[dict[str, Any]]:
    """The documents of items, in their order; `split` is the one that `splits_of` names."""
    scored = task.config.test_split or task.config.validation_split
    docs = task.eval_docs if split == scored else _own(task, scored)[1]
    return [dict(docs[int(str(item.metadata[DOC]))]) for item in items]


def _own(task: Any, scored: str) -> tuple[str, Sequence[Any]]:
    """The first of training, validation and few-shot documents that are not the scored split."""
    config = task.config
    if task.has_training_docs() and config.training_split != scored:
        return str(config.training_split), task.training_docs()
    if task.has_validation_docs() and config.validation_split != scored:
        return str(config.validation_split), task.validation_docs()
    if (split := config.fewshot_split) is not None and split != scored:
        return str(split), task.fewshot_docs()
    if task.fewshot_cfg is not None and task.fewshot_cfg.samples is not None:
        return "few-shot", list(task.fewshot_docs())
    return "", ()


def _items(task: Any, docs: Sequence[Any], split: str) -> tuple[Item, ...]:
    return tuple(item_of(task, doc, split, place) for place, doc in enumerate(docs))


def item_of(task: Any, doc: Any, split: str, place: int) -> Item:
    """A document as an item."""
    text, target = task.doc_to_text(doc), task.doc_to_target(doc)
    choices = task.doc_to_choice(doc) if task.config.doc_to_choice is not None else None
    metadata: dict[str, Any] = {DOC: place}
    if choices is not None:
        metadata["choices"] = [str(choice) for choice in choices]
    if isinstance(text, int) and choices is not None:
        # Several beginnings and one end: the right beginning is the answer.
        return Item(
            id=f"{split}-{place}",
            question=str(target),
            target=str(choices[text]),
            metadata={**metadata, BEGINS: True},
        )
    return Item(
        id=f"{split}-{place}",
        question=str(text),
        target=_answer(target, choices),
        metadata=metadata,
    )


def _answer(target: Any, choices: Sequence[Any] | None) -> str:
    """The right answer as text; the first where several are right."""
    if isinstance(target, list | tuple):
        return _answer(target[0], choices) if target else ""
    if isinstance(target, int) and not isinstance(target, bool) and choices is not None:
        return str(choices[target]) if 0 <= target < len(choices) else ""
    return str(target)
