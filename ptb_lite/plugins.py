"""Plugins, found by Python entry points: the built-in ones by the same door as anybody else's.

Each kind is a small protocol in its own room, and a group of entry points. An entry point names an
object that follows the protocol; its name is the plugin's id. Nothing is imported before it is
asked for. A plugin that cannot be loaded is left out and named with its package: it never ends a
command that does not need it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from ptb_lite.errors import PtbLiteError, suggestion

Kind = Literal["benchmarks", "agents", "detectors", "sandboxes", "launchers"]
OWN = "ptb-lite"
"""The distribution whose plugins are built in."""


@dataclass(frozen=True)
class Plugin:
    """One plugin that was loaded."""

    name: str
    """Its id: the name of its entry point."""
    package: str
    """The distribution that it comes from; `OWN` for a built-in one."""
    value: Any
    """The object that the entry point names."""

    @property
    def is_own(self) -> bool:
        return self.package == OWN


@dataclass(frozen=True)
class BrokenPlugin:
    """One plugin that could not be loaded."""

    name: str
    package: str
    reason: str
    """One sentence without a line break."""
    hint = "Mend or remove that package"

    @property
    def message(self) -> str:
        return f"'{self.name}' of the package {self.package} cannot be used: {self.reason}"


class PluginError(PtbLiteError):
    """A plugin that is asked for by name is not there, or is broken."""


def names(kind: Kind) -> tuple[str, ...]:
    """The ids of one kind, the built-in ones first, each part in alphabetical order."""
    return tuple(point.name for point in _points(kind))


def find(kind: Kind, name: str, protocol: type[Any], *, field: str = "") -> Plugin:
    """The plugin of that id. Raises PluginError where there is none or it is broken.

    `protocol` is a class, or a protocol that is `runtime_checkable`; `field` is the choice that
    the name was given for, else its kind.
    """
    for point in _points(kind):
        if point.name == name:
            loaded = _load(point, protocol)
            if isinstance(loaded, BrokenPlugin):
                raise PluginError(loaded.message, field=field or kind, hint=loaded.hint)
            return loaded
    raise PluginError(
        f"there is no '{name[:80]}'", field=field or kind, hint=suggestion(name, names(kind))
    )


def target(kind: Kind, name: str) -> str:
    """Where a plugin is imported from, as MODULE:NAME. Raises PluginError where there is none."""
    for point in _points(kind):
        if point.name == name:
            return point.value
    raise PluginError(f"there is no '{name}'", field=kind)


def origin(kind: Kind, name: str) -> str:
    """The package of a plugin with its version, empty for a built-in one and for none."""
    for point in _points(kind):
        if point.name == name and point.dist is not None and point.dist.name != OWN:
            return f"{point.dist.name} {point.dist.version}"
    return ""


def load_all(
    kind: Kind, protocol: type[Any]
) -> tuple[tuple[Plugin, ...], tuple[BrokenPlugin, ...]]:
    """Every plugin of one kind, in the order of `names`, and those that had to be left out."""
    loaded = [_load(point, protocol) for point in _points(kind)]
    return (
        tuple(plugin for plugin in loaded if isinstance(plugin, Plugin)),
        tuple(plugin for plugin in loaded if isinstance(plugin, BrokenPlugin)),
    )


def shadowed(kind: Kind) -> tuple[BrokenPlugin, ...]:
    """Those that nobody can ask for, since another package's plugin has their name."""
    used = {point.name: point for point in _points(kind)}
    return tuple(
        BrokenPlugin(point.name, _package(point), f"{_package(used[point.name])} has that name")
        for point in _sorted_points(kind)
        if point is not used[point.name]
    )


@contextmanager
def named_when_raising(kind: Kind, name: str) -> Iterator[None]:
    """What an outside plugin raises in the block becomes a PluginError that names its package.

    Errors that are for a person (PtbLiteError) pass as they are, and so do those of built-in ones:
    they are bugs of this project.
    """
    try:
        yield
    except PtbLiteError:
        raise
    except Exception as error:
        package = next((_package(point) for point in _points(kind) if point.name == name), OWN)
        if package == OWN:
            raise
        broken = BrokenPlugin(name, package, fault_of(error))
        raise PluginError(broken.message, field=kind, hint=broken.hint) from error


def _points(kind: Kind) -> tuple[EntryPoint, ...]:
    return tuple(_unique(_sorted_points(kind)))


@cache
def _sorted_points(kind: Kind) -> tuple[EntryPoint, ...]:
    found = entry_points(group=f"ptb_lite.{kind}")
    return tuple(sorted(found, key=lambda point: (_package(point) != OWN, point.name, point.value)))


def _unique(points: tuple[EntryPoint, ...]) -> Iterator[EntryPoint]:
    """The first of each name: nobody replaces a built-in plugin by taking its name."""
    seen: set[str] = set()
    for point in points:
        if point.name not in seen:
            seen.add(point.name)
            yield point


def _load(point: EntryPoint, protocol: type[Any]) -> Plugin | BrokenPlugin:
    package = _package(point)
    try:
        value = point.load()
        fits = isinstance(value, protocol)
    except (Exception, SystemExit) as error:
        # Somebody else's code: whatever it raises when imported, the rest goes on.
        return BrokenPlugin(point.name, package, fault_of(error))
    if not fits:
        return BrokenPlugin(
            point.name,
            package,
            f"{point.value} does not follow the protocol {protocol.__name__.strip('_')}",
        )
    return Plugin(point.name, package, value)


def fault_of(error: BaseException) -> str:
    """What somebody else's code raised, as one sentence without a line break."""
    return _one_line(f"{type(error).__name__}: {error}")


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "?"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
