"""A task of lm-eval in the evaluation's process: lm-eval's filters and grading decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ptb_lite.evaluation.engine.lm.harness import evaluate_task
from ptb_lite.evaluation.errors import EvaluationError
from ptb_lite.evaluation.items.item import Item, read_items
from ptb_lite.evaluation.job import EvaluationJob, EvaluationTask
from ptb_lite.evaluation.lm_tasks.definition import answer_length, digest, load
from ptb_lite.evaluation.lm_tasks.docs import DOC, item_of
from ptb_lite.evaluation.lm_tasks.given import FOLDER
from ptb_lite.evaluation.lm_tasks.task import LmTask
from ptb_lite.evaluation.results import SampleRecord


def items_of(task: EvaluationTask) -> tuple[Item, ...]:
    """The items that are scored, in the order of the task's documents."""
    return read_items(task.items)[: task.limit]


def load_task(found: LmTask) -> Any:
    """The task as it was found. Raises EvaluationError where its files have changed since."""
    if digest(found.definition) != found.sha256:
        raise EvaluationError("has changed since it was read", field=str(found.definition))
    metadata = {FOLDER: str(found.definition.parent)} if found.given else None
    return load(found.definition, metadata)


def score(
    job: EvaluationJob,
    task: EvaluationTask,
    found: LmTask,
    config: Any,
    lm: Any,
    settings: dict[str, Any] | None,
) -> tuple[SampleRecord, ...]:
    """Samples in the order of the items; `settings` change the task's generation.

    Raises EvaluationError where the metric of an item is no number in [0, 1].
    """
    items = items_of(task)
    places = list(range(len(items))) if found.given else [_place(item) for item in items]
    _check_items(config, items, places)
    if found.exact_shots:
        config.set_config(key="num_fewshot", value=task.num_fewshot)
        if task.num_fewshot and not found.own_shots and task.shots is not None:
            # Of the test set, and held out of what is scored.
            shown = [config.eval_docs[_place(item)] for item in read_items(task.shots)]
            config.sampler = type(config.sampler)(shown, rnd=None)
    records = evaluate_task(
        found.name,
        config,
        lm,
        seed=job.seed,
        # lm-eval keeps a task's own number of examples where none is asked for.
        num_fewshot=None if found.exact_shots else task.num_fewshot or None,
        generation=_cut(settings, config),
        chat_template=job.chat_template is not None,
        samples=places,
    )
    said = {entry["doc_id"]: entry for entry in records if entry["filter"] == found.filter}
    return tuple(
        _sample(item, said[place], found) for item, place in zip(items, places, strict=True)
    )


def _place(item: Item) -> int:
    return int(str(item.metadata[DOC]))


def _check_items(config: Any, items: Sequence[Item], places: Sequence[int]) -> None:
    """Raises EvaluationError where the task's data are no longer those that the items are of."""
    docs = config.eval_docs
    for item, place in zip(items, places, strict=True):
        if place >= len(docs) or item_of(config, docs[place], "", place).question != item.question:
            raise EvaluationError(
                f"its data have changed since they were read: {item.id} is not what it was",
                field=f"benchmark {config.task_name}",
            )


def _cut(settings: dict[str, Any] | None, config: Any) -> dict[str, Any] | None:
    """The settings without an answer's length that is above the task's own: it only cuts."""
    if settings is None or settings.get("max_gen_toks", 0) < answer_length(config):
        return settings
    return {key: value for key, value in settings.items() if key != "max_gen_toks"} or None


def _sample(item: Item, entry: Mapping[str, Any], found: LmTask) -> SampleRecord:
    value = entry.get(found.metric)
    score = float(value) if isinstance(value, int | float) else -1.0
    if not 0.0 <= score <= 1.0:
        raise EvaluationError(
            f"its {found.metric} of one item is {str(value)[:40]}, not a number in [0, 1]",
            field=f"benchmark {found.name}",
        )
    completion, extracted = _answers(entry)
    return SampleRecord(
        item_id=item.id,
        question=item.question,
        target=item.target,
        completion=completion,
        extracted=extracted,
        correct=score >= 1.0,
        score=score,
    )


def _answers(entry: Mapping[str, Any]) -> tuple[str, str | None]:
    """(completion, what the filter made of it); of choices the likeliest one."""
    filtered: Sequence[Any] = entry["filtered_resps"]
    if isinstance(filtered[0], tuple | list) and isinstance(filtered[0][0], int | float):
        best = max(range(len(filtered)), key=lambda number: filtered[number][0])
        return str(entry["arguments"][best][1]), None
    first = entry["resps"][0]
    return str(first[0] if isinstance(first, list | tuple) else first), str(filtered[0])
