"""What an experiment is: arms, seeds, and the order of its runs. Read from one YAML file."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ptb_lite.catalog.entries import Entry, Line
from ptb_lite.catalog.loader import Catalog
from ptb_lite.catalog.yaml_file import YamlFile, read_yaml, validate_at
from ptb_lite.errors import CatalogError, PtbLiteError, suggestion
from ptb_lite.spec.presets import own_presets
from ptb_lite.spec.run_spec import RunSpec, resolve_spec

MAX_RUNS = 10_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SINGULAR = {"benchmark": "benchmarks"}


class Plan(Entry):
    """The file of an experiment; its id is the file's name.

    `preset` and `choices` hold for every run; the keys of `choices`, of each arm, and of `grid` are
    those of a preset. `arms` names sets of choices; `grid` makes one arm of every combination of
    its values (agent x model x benchmark, say) and of every arm. The first arm is the one that the
    others are compared with. `paired` tests each entry of `arms` against the first at the same
    values of the grid as well, in pairs of runs with the same seed.
    """

    title: Line
    preset: str | None = None
    choices: dict[str, Any] = Field(default_factory=dict)
    arms: dict[str, dict[str, Any]] = Field(default_factory=dict)
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    paired: bool = False
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
    order_seed: int = 0


@dataclass(frozen=True)
class Cell:
    """One run of an experiment: an arm with one seed."""

    arm: str
    seed: int
    choices: Mapping[str, Any]
    preset: str | None = None

    @property
    def key(self) -> str:
        return f"{self.arm}/{self.seed}"

    @property
    def digest(self) -> str:
        """Tells whether a run on disk was made with these choices."""
        text = json.dumps([self.preset, dict(self.choices)], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Match:
    """Two entries of `arms`, by name, and the pairs of arms that the same values of the grid make
    of them."""

    first: str
    second: str
    arms: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Experiment:
    """`cells` in the order in which they run; `arms` in the order of the file.

    `own_first` has for each arm the first one that the same entry of `arms` and the grid make;
    `matches` are the comparisons of `paired`, empty without it.
    """

    plan: Plan
    arms: tuple[str, ...]
    cells: tuple[Cell, ...]
    own_first: Mapping[str, str]
    matches: tuple[Match, ...] = ()


def read_experiment(path: Path) -> Experiment:
    """Raises CatalogError with file and line, or PtbLiteError for a plan that makes no sense."""
    file = read_yaml(path)
    plan = validate_at(Plan, {**file.values, "id": _id(path)}, file, [])
    arms, made_of = _arms(plan, file)
    own_first = {label: labels[0] for labels in made_of.values() for label in labels}
    if len(set(plan.seeds)) < len(plan.seeds):
        raise CatalogError("a seed is given twice", field=file.where(["seeds"]))
    cells = [
        Cell(name, seed, {**plan.choices, **choices, "seed": seed}, plan.preset)
        for name, choices in arms.items()
        for seed in plan.seeds
    ]
    if len(cells) > MAX_RUNS:
        raise PtbLiteError(f"has {len(cells):,} runs, more than {MAX_RUNS:,}", field=str(path))
    # In random order, so that what changes with time (a busy machine, a provider's new version)
    # does not fall on one arm.
    random.Random(plan.order_seed).shuffle(cells)
    matches = _matches(made_of) if plan.paired else ()
    return Experiment(plan, tuple(arms), tuple(cells), own_first, matches)


def experiment_file(name: str | Path) -> Path:
    """The file of a plan: a path, or the name of one that comes with ptb-lite.

    Raises CatalogError with the names there are.
    """
    path = Path(name)
    if path.is_file():
        return path
    own = own_presets() / "experiments"
    if (own / f"{name}.yaml").is_file():
        return own / f"{name}.yaml"
    known = sorted(each.stem for each in own.glob("*.yaml"))
    raise CatalogError(
        "there is no such file", field=f"experiment {name}", hint=suggestion(str(name), known)
    )


def specs(experiment: Experiment, catalog: Catalog, salt: str | None = None) -> dict[str, RunSpec]:
    """The RunSpec of every cell, by its key; `salt` is the secret that their items are drawn from.

    Raises SpecError for the first that cannot be run.
    """
    arms: dict[str, RunSpec] = {}
    for cell in experiment.cells:
        if cell.arm not in arms:
            # Once an arm: with thousands of cells this takes minutes, and seeds are validated.
            arms[cell.arm] = resolve_spec(
                preset=experiment.plan.preset,
                overrides={**_overrides(cell.choices), "item_salt": salt},
                catalog=catalog,
            )
    return {
        cell.key: arms[cell.arm].model_copy(update={"seed": cell.seed}) for cell in experiment.cells
    }


def _overrides(choices: Mapping[str, Any]) -> dict[str, object]:
    """Choices as `resolve_spec` takes them: `benchmark` and `off_target` may be one name."""
    found: dict[str, object] = {}
    for key, value in choices.items():
        name = _SINGULAR.get(key, key)
        single = name in ("benchmarks", "off_target") and isinstance(value, str)
        found[name] = (value,) if single else tuple(value) if isinstance(value, list) else value
    return found


def _arms(plan: Plan, file: YamlFile) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """The choices of each arm, and the arms of each entry in the order of the grid."""
    if plan.paired and len(plan.arms) < 2:
        raise CatalogError("needs two entries of `arms`", field=file.where(["paired"]))
    arms: dict[str, dict[str, Any]] = {}
    made_of: dict[str, list[str]] = {}
    for (name, choices), values in product(
        (plan.arms or {"": {}}).items(), product(*plan.grid.values())
    ):
        chosen = dict(zip(plan.grid, values, strict=True))
        label = "-".join(part for part in (name, *map(str, chosen.values())) if part) or "all"
        if not _NAME.fullmatch(label) or label in arms:
            raise CatalogError(
                f"'{label}' cannot be the name of an arm", field=file.where(["arms", name])
            )
        if "seed" in {*choices, *chosen}:
            raise CatalogError("seeds belong to `seeds`", field=file.where(["arms", name]))
        arms[label] = {**choices, **chosen}
        made_of.setdefault(name, []).append(label)
    return arms, made_of


def _matches(made_of: Mapping[str, Sequence[str]]) -> tuple[Match, ...]:
    (first, its), *others = made_of.items()
    return tuple(
        Match(first, second, tuple(zip(its, theirs, strict=True))) for second, theirs in others
    )


def _id(path: Path) -> str:
    if not _NAME.fullmatch(path.stem):
        raise CatalogError(f"'{path.stem}' cannot be an experiment's name", field=str(path))
    return path.stem
