"""The catalogue: the package's own YAML files and the agents' plugins, overlaid by a person's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, runtime_checkable

from ptb_lite.catalog.entries import (
    BENCHMARK_ID,
    LM_EVAL,
    AgentEntry,
    BenchmarkEntry,
    Entry,
    ModelEntry,
    lm_task_entry,
)
from ptb_lite.catalog.yaml_file import YamlFile, read_yaml, validate_at
from ptb_lite.errors import CatalogError, suggestion
from ptb_lite.installation import config_root
from ptb_lite.plugins import BrokenPlugin, Plugin, fault_of, load_all, names

_OWN = Path(__file__).parent
_Entry = TypeVar("_Entry", bound=Entry)
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Catalog:
    """Every entry by its id, in the order of the files."""

    models: Mapping[str, ModelEntry]
    benchmarks: Mapping[str, BenchmarkEntry]
    agents: Mapping[str, AgentEntry]

    def model(self, entry_id: str) -> ModelEntry:
        """Raises CatalogError (field `model`) with the nearest id where there is none."""
        return find(self.models, entry_id, "model")

    def benchmark(self, entry_id: str) -> BenchmarkEntry:
        """Raises CatalogError (field `benchmark`) with the nearest id where there is none.

        Of a task of lm-eval what can be said before it was read.
        """
        if re.fullmatch(BENCHMARK_ID, entry_id) and entry_id.startswith(LM_EVAL):
            return lm_task_entry(entry_id)
        if entry_id not in self.benchmarks:
            _refuse_broken(benchmark_plugins()[1], entry_id, "benchmark")
        return find(self.benchmarks, entry_id, "benchmark")

    def agent(self, entry_id: str) -> AgentEntry:
        """Raises CatalogError (field `agent`) with the nearest id where there is none."""
        if entry_id not in self.agents:
            _refuse_broken(agent_plugins()[1], entry_id, "agent")
        return find(self.agents, entry_id, "agent")


def load_catalog(overlay: Path | None = None) -> Catalog:
    """Read the catalogue; `overlay` (default: `config_root()`) adds entries and overrides fields.

    An entry of the overlay whose id exists needs only the fields that differ. Raises
    CatalogError with file and line where a file is malformed.
    """
    root = config_root() if overlay is None else overlay
    return Catalog(
        models=_load(ModelEntry, "models.yaml", root),
        benchmarks=_load_benchmarks(root),
        agents=_load_agents(root),
    )


def find(known: Mapping[str, _Found], entry_id: str, kind: str) -> _Found:
    """The entry of that id; raises CatalogError that suggests the nearest one."""
    if entry_id in known:
        return known[entry_id]
    shown = entry_id if len(entry_id) <= 80 else entry_id[:77] + "..."
    raise CatalogError(f"unknown {kind} '{shown}'", field=kind, hint=suggestion(entry_id, known))


def _load_agents(overlay: Path) -> Mapping[str, AgentEntry]:
    """The entries that the plugins of agents bring, and those of a person's agents.yaml."""
    loaded, _ = agent_plugins()
    brought = {plugin.name: plugin.value.entry for plugin in loaded if plugin.value.entry}
    found = {entry.id: entry for entry in sorted(brought.values(), key=lambda one: one.position)}
    if not (overlay / "agents.yaml").exists():
        return MappingProxyType(found)
    file = read_yaml(overlay / "agents.yaml")
    for entry_id, fields in _entries(file):
        fields.setdefault("backend", found[entry_id].backend if entry_id in found else None)
        backend = fields["backend"]
        known = names("agents")
        if backend is not None and backend not in known:
            raise CatalogError(
                f"backend: there is no {str(backend)[:80]!r}",
                field=file.where([entry_id, "backend"]),
                hint=suggestion(str(backend), known),
            )
        base = found.get(entry_id) or brought.get(str(backend))
        given = base.model_dump(exclude_unset=True) if base is not None else {}
        if entry_id not in found:
            # Another one of the same kind: it needs a name of its own.
            given = {key: given[key] for key in given if key not in ("title", "position")}
        if backend is None:
            del fields["backend"]
        values = {**given, **fields, "id": entry_id}
        found[entry_id] = validate_at(AgentEntry, values, file, [entry_id])
    return MappingProxyType(found)


def _load_benchmarks(overlay: Path) -> Mapping[str, BenchmarkEntry]:
    """The entries that the plugins of benchmarks bring, and those of a person's benchmarks.yaml."""
    loaded, _ = benchmark_plugins()
    brought = sorted((plugin.value.entry for plugin in loaded), key=lambda one: one.position)
    found = {entry.id: entry for entry in brought}
    if not (overlay / "benchmarks.yaml").exists():
        return MappingProxyType(found)
    file = read_yaml(overlay / "benchmarks.yaml")
    for entry_id, fields in _entries(file):
        base = found[entry_id].model_dump(exclude_unset=True) if entry_id in found else {}
        values = {**base, **fields, "id": entry_id}
        found[entry_id] = validate_at(BenchmarkEntry, values, file, [entry_id])
    return MappingProxyType(found)


@runtime_checkable
class _AgentPlugin(Protocol):
    """As much of an agent as can be said below the agents' room."""

    entry: AgentEntry | None
    session_files: tuple[str, ...]
    program_files: tuple[str, ...]
    plan: Any
    readiness: Any


@runtime_checkable
class _IsBenchmark(Protocol):
    entry: BenchmarkEntry


Found = tuple[tuple[Plugin, ...], tuple[BrokenPlugin, ...]]
"""Those that can be used, and those that had to be left out."""


def agent_plugins() -> Found:
    """The plugins of agents. Nothing is raised."""
    return _sound(load_all("agents", _AgentPlugin), _fault_of_agent)


def benchmark_plugins() -> Found:
    """The plugins of benchmarks. Nothing is raised."""
    return _sound(load_all("benchmarks", _IsBenchmark), _fault_of_benchmark)


def _sound(found: Found, fault: Callable[[Plugin], str]) -> Found:
    loaded, broken = found
    faults = {plugin.name: said for plugin in loaded if (said := fault(plugin))}
    return (
        tuple(plugin for plugin in loaded if plugin.name not in faults),
        (
            *broken,
            *(BrokenPlugin(p.name, p.package, faults[p.name]) for p in loaded if p.name in faults),
        ),
    )


def _fault_of_agent(plugin: Plugin) -> str:
    """What is wrong with the entry that an agent brings, in one sentence; empty: nothing."""
    try:
        entry = plugin.value.entry
    except Exception as error:
        return fault_of(error)
    if entry is None:
        return ""
    if not isinstance(entry, AgentEntry):
        return f"its entry is not an AgentEntry but of the class {type(entry).__name__}"
    if {entry.id, entry.backend} != {plugin.name}:
        return f"its entry's id and backend are not both '{plugin.name}', as its entry point is"
    return ""


def _fault_of_benchmark(plugin: Plugin) -> str:
    entry = plugin.value.entry
    if not isinstance(entry, BenchmarkEntry):
        return f"its entry is not a BenchmarkEntry but of the class {type(entry).__name__}"
    if entry.id != plugin.name:
        return f"its entry's id is not '{plugin.name}', as its entry point is"
    return ""


def _refuse_broken(broken: tuple[BrokenPlugin, ...], entry_id: str, field: str) -> None:
    """Raises CatalogError where what is asked for is there and broken."""
    for plugin in broken:
        if plugin.name == entry_id:
            raise CatalogError(plugin.message, field=field, hint=plugin.hint)


def _entries(file: YamlFile) -> Iterator[tuple[str, dict[str, object]]]:
    for entry_id, fields in file.values.items():
        if not isinstance(fields, dict):
            raise CatalogError(
                f"'{entry_id}' needs its fields below it, indented", field=file.where([entry_id])
            )
        yield entry_id, dict(fields)


def _load(kind: type[_Entry], name: str, overlay: Path) -> Mapping[str, _Entry]:
    raw: dict[str, dict[str, object]] = {}
    origin: dict[str, YamlFile] = {}
    for folder in (_OWN, overlay):
        path = folder / name
        if folder is overlay and not path.exists():
            continue
        file = read_yaml(path)
        for entry_id, fields in _entries(file):
            raw[entry_id] = {**raw.get(entry_id, {}), **fields}
            origin[entry_id] = file
    return MappingProxyType(
        {
            entry_id: validate_at(kind, {**fields, "id": entry_id}, origin[entry_id], [entry_id])
            for entry_id, fields in raw.items()
        }
    )
