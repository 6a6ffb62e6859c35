"""The detectors that are installed, with their rules and deductions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import get_args

from ptb_lite.audit.protocol import Detector, Need
from ptb_lite.audit.verdict.rule import Rule
from ptb_lite.plugins import BrokenPlugin, Plugin, load_all


@dataclass(frozen=True)
class Installed:
    """Every detector, the built-in ones first, and those that had to be left out."""

    plugins: tuple[Plugin, ...]
    broken: tuple[BrokenPlugin, ...]

    def detectors(self) -> tuple[Detector, ...]:
        return tuple(plugin.value for plugin in self.plugins)

    def package(self, detector: str) -> str:
        """The package that an outside detector comes from; empty for a built-in one."""
        named = (p.package for p in self.plugins if p.name == detector and not p.is_own)
        return next(named, "")


@cache
def installed() -> Installed:
    """What the entry points name, loaded once in a process. Nothing is raised."""
    loaded, broken = load_all("detectors", Detector)
    faults = {plugin.name: fault for plugin in loaded if (fault := _fault(plugin))}
    sound = tuple(plugin for plugin in loaded if plugin.name not in faults)
    odd = (p for p in loaded if p.name in faults)
    return Installed(
        sound, (*broken, *(BrokenPlugin(p.name, p.package, faults[p.name]) for p in odd))
    )


@cache
def own_rules() -> tuple[Rule, ...]:
    """The rules of all installed detectors, each with its detector's name."""
    return tuple(
        replace(rule, detector=detector.name)
        for detector in installed().detectors()
        for rule in detector.rules
    )


@cache
def deductions(*, own_only: bool = False) -> Mapping[str, float]:
    """The policy `deduct`: the share of the gain over the base score that one kind of deciding
    flag costs, the dearest first. An outside detector cannot reprice a built-in one's kind."""
    found: dict[str, float] = {}
    for plugin in installed().plugins:
        if plugin.is_own or not own_only:
            for kind, share in plugin.value.deductions.items():
                found.setdefault(kind, share)
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _fault(plugin: Plugin) -> str:
    """What is wrong with a detector's declarations, in one sentence; empty: nothing."""
    try:
        detector: Detector = plugin.value
        if detector.name != plugin.name:
            return f"its name is {detector.name!r} and its entry point's is not"
        if not all(isinstance(rule, Rule) for rule in detector.rules):
            return "its rules are not all of the class Rule"
        if not all(0 <= share <= 1 for share in detector.deductions.values()):
            return "its deductions are not all in [0, 1]"
        if unknown := set(detector.needs) - set(get_args(Need)):
            return f"it needs evidence that there is not: {', '.join(sorted(unknown))}"
    except Exception as error:
        # Somebody else's code, also where it only looks like an attribute.
        return f"{type(error).__name__}: {error}"[:300]
    return ""
