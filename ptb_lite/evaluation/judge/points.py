"""From an item and a completion to questions, and from verdicts to the item's score. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from ptb_lite.evaluation.errors import ItemsError
from ptb_lite.evaluation.items.item import Item
from ptb_lite.evaluation.judge.prompts import (
    MET,
    VERDICTS,
    pairwise,
    rubric,
    without_thinking,
)
from ptb_lite.evaluation.judge.request import Request
from ptb_lite.events import Record

Kind = Literal["pairwise", "rubric"]
_Material = TypeVar("_Material", bound=Record)


class Criterion(Record):
    """One line of a rubric; negative points are for a fault."""

    criterion: Annotated[str, Field(min_length=1)]
    points: Annotated[float, Field(allow_inf_nan=False)]


class _PairwiseMaterial(Record):
    baseline: str


class _RubricMaterial(Record):
    conversation: str
    rubrics: Annotated[tuple[Criterion, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Question:
    """One request about an item; `part` says which ("A is the baseline", "criterion 3")."""

    part: str
    request: Request


def questions(kind: Kind, item: Item, completion: str) -> tuple[Question, ...]:
    """What a judge is asked about one completion.

    Pairwise: both orders, the baseline first. Rubric: every criterion. Reasoning that a model
    writes before its answer is not judged. Raises ItemsError when the item lacks its material.
    """
    answer = without_thinking(completion)
    if kind == "pairwise":
        baseline = _material(_PairwiseMaterial, item).baseline
        return (
            Question("A is the baseline", pairwise(item.question, baseline, answer)),
            Question("B is the baseline", pairwise(item.question, answer, baseline)),
        )
    material = _material(_RubricMaterial, item)
    conversation = f"{material.conversation}\n\nassistant: {answer}"
    return tuple(
        Question(f"criterion {number}", rubric(conversation, one.criterion, one.points))
        for number, one in enumerate(material.rubrics, start=1)
    )


def item_score(kind: Kind, item: Item, verdicts: Sequence[str]) -> float:
    """The score of one item from the verdicts on its questions, in their order.

    Pairwise: the mean of both games, a tie half, in [0, 1] (as PostTrainBench counts Arena-Hard).
    Rubric: points of the criteria that are met by the points that can be had, below 0 when faults
    outweigh (HealthBench, Arora et al. 2025, section 3). Raises ItemsError when no point can be
    had.
    """
    if kind == "pairwise":
        first, second = verdicts
        return ((1 - VERDICTS[first]) + VERDICTS[second]) / 2
    rubrics = _material(_RubricMaterial, item).rubrics
    possible = sum(one.points for one in rubrics if one.points > 0)
    if possible <= 0:
        raise ItemsError("has a rubric without points to be had", field=f"item {item.id}")
    met = (one.points for one, said in zip(rubrics, verdicts, strict=True) if said == MET)
    return sum(met) / possible


def _material(kind: type[_Material], item: Item) -> _Material:
    try:
        return kind.model_validate(item.metadata)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ItemsError(f"cannot be judged: {place}: {first['msg']}", field=item.id) from error
