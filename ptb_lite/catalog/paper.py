"""The published figures that a score is read against: never measured here."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ptb_lite.catalog.yaml_file import read_yaml, validate_at

Percent = Annotated[float, Field(ge=0, le=100)]
Row = Literal["base_zero_shot", "base_few_shot", "instruct"]


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BaselineFigures(_Figures):
    """Percentages of one base model without training, and of its official instruct model."""

    base_zero_shot: Percent
    base_few_shot: Percent
    instruct: Percent


class PaperModel(_Figures):
    """`scores` by benchmark."""

    instruct_model: str
    scores: dict[str, BaselineFigures]


class PaperAgent(_Figures):
    """`scores` by benchmark, means over the paper's base models; `average` with its weights."""

    agent: str
    scaffold: str
    average: Percent
    scores: dict[str, Percent]


class Paper(_Figures):
    """The content of paper.yaml; `base_models` by Hub id."""

    source: str
    weights: dict[str, Annotated[float, Field(gt=0, le=1)]]
    averages: BaselineFigures
    base_models: dict[str, PaperModel]
    agents: tuple[PaperAgent, ...]


@cache
def load_paper() -> Paper:
    """PostTrainBench's weights and results (arXiv 2603.08640, Tables 1 and 5).

    Raises CatalogError when the package's file is damaged.
    """
    file = read_yaml(Path(__file__).with_name("paper.yaml"))
    return validate_at(Paper, file.values, file, [])
