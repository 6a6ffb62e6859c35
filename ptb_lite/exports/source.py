"""The choices that an export is made of: those of a run, of a preset, or of a person's file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import yaml

from ptb_lite.catalog.entries import AgentEntry, ModelEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import CatalogError, PtbLiteError, RunNotFoundError, SpecError
from ptb_lite.events import Phase
from ptb_lite.runs.folder import find_run
from ptb_lite.runs.records import Status
from ptb_lite.spec.presets import Choices
from ptb_lite.spec.run_spec import RunSpec, resolve_spec

OVERHEAD_MINUTES = 60.0
"""Beside the agent's time where no run of the same choices has been measured."""
_NOT_CARRIED = {"data_dir", "include_path", "read_only", "name"}


@dataclass(frozen=True)
class Chosen:
    """Choices and what follows from them: `overhead_minutes` is what preparing, baselines, audit
    and scoring take beside the agent's time, `measured` whether a run here took that long."""

    spec: RunSpec
    source: str
    model: ModelEntry
    agent: AgentEntry
    catalog: Catalog
    overhead_minutes: float = OVERHEAD_MINUTES
    measured: bool = False

    @property
    def minutes(self) -> int:
        """What to ask a scheduler for."""
        return math.ceil(self.spec.budget_minutes + self.overhead_minutes)

    @property
    def gpus(self) -> int:
        """How many GPUs to ask for: 0 for the embedded model and for a run on the CPU, else 1."""
        return 0 if self.spec.device == "cpu" or self.model.source == "embedded" else 1

    @property
    def memory_gb(self) -> int:
        """The agent's limit where one is chosen; else room for two copies of the weights in 16 bits
        and 8 GB, in steps of 8."""
        if self.spec.memory_gb is not None:
            return math.ceil(self.spec.memory_gb)
        return 8 * math.ceil((8 + 4 * self.model.parameters / 1e9) / 8)

    @property
    def paths(self) -> tuple[str, ...]:
        """Choices that name places of this machine."""
        return tuple(
            name for name in ("data_dir", "include_path", "read_only") if getattr(self.spec, name)
        )


def read_chosen(name: str, runs_dir: Path, catalog: Catalog) -> Chosen:
    """The choices of the run with this id, name or path, else of the preset or YAML file.

    Raises PtbLiteError where there is neither, or the choices cannot be run here.
    """
    try:
        run = find_run(runs_dir, name)
    except RunNotFoundError as error:
        return _of_preset(name, catalog, error)
    spec = run.read_spec()
    return _chosen(spec, f"run {run.run_id}", catalog, _overhead(run.read_status()))


def choices_yaml(chosen: Chosen) -> str:
    """A preset file with every choice that is not the default."""
    spec = chosen.spec
    fields = set(Choices.model_fields) - _NOT_CARRIED
    values = spec.model_dump(mode="json", include=fields, exclude_defaults=True)
    needed = {"model": spec.model, "agent": spec.agent, "policy": spec.policy}
    title = f"{spec.model}, {spec.agent}, {', '.join(spec.benchmarks)}"
    found = {"title": title[:100], **needed, **values}
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True)


def _of_preset(name: str, catalog: Catalog, no_run: RunNotFoundError) -> Chosen:
    try:
        spec = resolve_spec(preset=name, overrides={}, catalog=catalog)
    except SpecError as error:
        if error.field != "preset":
            raise
        raise PtbLiteError(
            f"there is no run and no preset '{name}'",
            field="export",
            hint="`ptb-lite ls` and `ptb-lite list presets` show them",
        ) from no_run
    return _chosen(spec, f"preset {name}", catalog)


def _chosen(spec: RunSpec, source: str, catalog: Catalog, overhead: float | None = None) -> Chosen:
    try:
        model, agent = catalog.model(spec.model), catalog.agent(spec.agent)
    except CatalogError as error:
        raise SpecError(error.message, field=error.field, hint=error.hint) from error
    if overhead is None:
        return Chosen(spec, source, model, agent, catalog)
    return Chosen(spec, source, model, agent, catalog, overhead, measured=True)


def _overhead(status: Status) -> float | None:
    """Minutes of a complete run's other phases and half as much again, in steps of 10; None where
    it has not ended."""
    if not status.complete:
        return None
    seconds = sum(end.seconds for end in status.phases if end.phase is not Phase.AGENT)
    return 10.0 * math.ceil((1.5 * seconds / 60 + 1) / 10)
