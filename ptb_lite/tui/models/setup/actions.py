"""The work behind the Setup screen: reading what there is, checking, saving, starting.

Imported after the first frame: here begins what reads and validates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ptb_lite.catalog import load_catalog
from ptb_lite.catalog.loader import Catalog
from ptb_lite.doctor.preflight import find_problems, find_warnings
from ptb_lite.runner.launch import launch
from ptb_lite.spec.presets import Preset, load_presets, save_preset
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.tui.models.setup.choices import SetupChoices, preset_of, time_text
from ptb_lite.tui.models.setup.fixes import fix_of
from ptb_lite.tui.models.setup.lines import Fix, ListLine, Summary
from ptb_lite.tui.models.setup.machine import Machine, probe_machine
from ptb_lite.tui.models.setup.problems import SetupProblem, as_problem
from ptb_lite.tui.models.setup.view import (
    agent_lines,
    benchmark_lines,
    model_lines,
    summarise_choices,
)


@dataclass(frozen=True)
class SetupFacts:
    """Catalogue and presets, and what is known of the machine so far."""

    catalog: Catalog
    presets: Mapping[str, Preset]
    runs_dir: Path
    machine: Machine = field(default_factory=Machine)

    def summary(self, choices: SetupChoices) -> Summary:
        """What the choices take, or why they make no run."""
        return summarise_choices(choices, self.catalog, self.presets, self.machine, self.runs_dir)

    def lines(self, choices: SetupChoices) -> Mapping[str, tuple[ListLine, ...]]:
        """The three lists by name."""
        preset = self.presets.get(choices.preset or "")
        most = preset.max_new_tokens if preset is not None else None
        return {
            "models": model_lines(self.catalog, self.machine, choices),
            "agents": agent_lines(self.catalog, self.machine),
            "benchmarks": benchmark_lines(self.catalog, self.machine, choices, most),
        }

    def fix(self, problem: SetupProblem, choices: SetupChoices) -> Fix | None:
        """What mends a problem by one key."""
        return fix_of(problem, choices, self.catalog, self.machine)

    def preset_labels(self) -> Mapping[str, str]:
        """Each preset's name with what it needs: a GPU of so much memory, or any machine."""
        return {name: f"{name}: {preset_needs(each)}" for name, each in self.presets.items()}

    def presets_for_gpus(self, chosen: str | None) -> int:
        """How many presets other than the chosen one need a GPU that is not here."""
        device = self.machine.device
        have = device.memory_bytes if device is not None and device.kind == "cuda" else 0
        return sum(
            each.min_gpu_gb * 2**30 > have for name, each in self.presets.items() if name != chosen
        )

    def with_machine(self) -> SetupFacts:
        """The same with the machine probed: seconds, no network."""
        return replace(self, machine=probe_machine(self.catalog, self.runs_dir))

    def problems(self, spec: RunSpec) -> tuple[SetupProblem, ...]:
        """Why this machine cannot run a spec, then what to know before. May ask networks."""
        bad = find_problems(spec, self.catalog, self.runs_dir)
        return (
            *(as_problem(error) for error in bad),
            *(as_problem(error, warns=True) for error in find_warnings(spec, self.catalog)),
        )

    def save(self, spec: RunSpec, name: str) -> Path:
        """Keep a spec's choices as a preset. Raises CatalogError."""
        return save_preset(preset_of(spec, name))

    def start(self, spec: RunSpec) -> Path:
        """Start a run; returns its folder. Raises PtbLiteError and OSError."""
        return launch(spec, self.runs_dir)


def preset_needs(preset: Preset) -> str:
    """ "any machine, 4 min", or "GPU of 12 GB, 2 h"."""
    where = f"GPU of {preset.min_gpu_gb:g} GB" if preset.min_gpu_gb else "any machine"
    return f"{where}, {time_text(preset.budget_minutes)}"


def read_facts(runs_dir: Path) -> SetupFacts:
    """Read catalogue and presets. Raises CatalogError where a file is malformed."""
    return SetupFacts(load_catalog(), load_presets(), runs_dir)
