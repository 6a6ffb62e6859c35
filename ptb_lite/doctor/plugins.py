"""Every plugin that is installed: which package it is from, and whether it can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from ptb_lite.audit import registry as detectors
from ptb_lite.catalog.loader import agent_plugins, benchmark_plugins
from ptb_lite.doctor.checks import Check
from ptb_lite.plugins import OWN, BrokenPlugin, Kind, Plugin, load_all, shadowed
from ptb_lite.sandbox import Sandbox


@dataclass(frozen=True)
class InstalledPlugin:
    """One plugin of any kind; `problem` is empty where it can be used."""

    kind: Kind
    id: str
    package: str
    problem: str = ""


@runtime_checkable
class _LauncherFactory(Protocol):
    """As much of a launcher as can be said below the launchers' room."""

    make: Any


_Found = tuple[tuple[Plugin, ...], tuple[BrokenPlugin, ...]]


def _detectors() -> _Found:
    found = detectors.installed()
    return found.plugins, found.broken


KINDS: Mapping[Kind, Callable[[], _Found]] = {
    "benchmarks": benchmark_plugins,
    "agents": agent_plugins,
    "detectors": _detectors,
    "sandboxes": lambda: load_all("sandboxes", Sandbox),
    "launchers": lambda: load_all("launchers", _LauncherFactory),
}


def installed_plugins() -> Iterator[InstalledPlugin]:
    """All of them, kind by kind, the broken ones last in each. Each one's module is imported."""
    for kind, find in KINDS.items():
        loaded, broken = find()
        for plugin in loaded:
            yield InstalledPlugin(kind, plugin.name, plugin.package)
        for fault in (*broken, *shadowed(kind)):
            yield InstalledPlugin(kind, fault.name, fault.package, fault.reason)


def plugin_checks() -> Iterator[Check]:
    """One finding for each broken plugin, and one for what other packages bring."""
    found = tuple(installed_plugins())
    for one in found:
        if one.problem:
            # A run without what is built in does not do what its report says.
            status: Literal["fail", "warn"] = "fail" if one.package == OWN else "warn"
            broken = BrokenPlugin(one.id, one.package, one.problem)
            yield Check(one.kind, status, broken.message, broken.hint)
    outside = (one for one in found if one.package != OWN and not one.problem)
    named = ", ".join(f"{one.id} ({one.kind}, {one.package})" for one in outside)
    yield Check("plugins", "ok", f"from other packages: {named}" if named else "the built-in ones")
