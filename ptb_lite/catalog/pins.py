"""The commits of a run's base model and data: read for its spec, and put into its catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from ptb_lite.catalog.entries import BenchmarkEntry, DataPart, ModelEntry
from ptb_lite.catalog.hub.revisions import held_commit
from ptb_lite.catalog.loader import Catalog


def known_pins(model: ModelEntry, benchmarks: Iterable[BenchmarkEntry]) -> dict[str, str]:
    """The commit of each repository that these come from, as far as it is held. No network."""
    found = {}
    if model.source == "hub" and model.hub_id:
        found[model.hub_id] = held_commit(model.hub_id, model.revision)
    for entry in benchmarks:
        for part in _parts(entry):
            found[part.hub_id] = held_commit(part.hub_id, part.revision, kind="dataset")
    return {repo: commit for repo, commit in found.items() if commit}


def pin_catalog(catalog: Catalog, pins: Mapping[str, str]) -> Catalog:
    """The catalogue with those commits in place of branches: what a run started with stays."""
    if not pins:
        return catalog
    models = {}
    for name, entry in catalog.models.items():
        commit = pins.get(entry.hub_id or "") if entry.source == "hub" else None
        models[name] = entry.model_copy(update={"revision": commit}) if commit else entry
    benchmarks = {name: _pinned(entry, pins) for name, entry in catalog.benchmarks.items()}
    return replace(
        catalog, models=MappingProxyType(models), benchmarks=MappingProxyType(benchmarks)
    )


def _parts(entry: BenchmarkEntry) -> Iterator[DataPart]:
    if entry.data is not None:
        yield from (part for part in (entry.data.test, entry.data.train) if part is not None)


def _pinned(entry: BenchmarkEntry, pins: Mapping[str, str]) -> BenchmarkEntry:
    data = entry.data
    if data is None or not any(part.hub_id in pins for part in _parts(entry)):
        return entry

    def pinned(part: DataPart) -> DataPart:
        return part.model_copy(update={"revision": pins.get(part.hub_id, part.revision)})

    train = pinned(data.train) if data.train is not None else None
    return entry.model_copy(
        update={"data": data.model_copy(update={"test": pinned(data.test), "train": train})}
    )
