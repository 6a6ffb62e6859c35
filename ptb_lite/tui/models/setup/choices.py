"""The choices of the Setup screen as typed, before anything has said that they can be run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ptb_lite.choices import EngineChoice
from ptb_lite.errors import CatalogError, SpecError

if TYPE_CHECKING:
    # The screen's first frame does not wait for what validates.
    from ptb_lite.catalog.loader import Catalog
    from ptb_lite.spec.presets import Preset
    from ptb_lite.spec.run_spec import RunSpec

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(m|min|minutes?|h|hours?)?", re.IGNORECASE)
_OPTIONS = (
    ("model", "--model"),
    ("agent", "--agent"),
    ("agent_model", "--agent-model"),
    ("minutes", "--minutes"),
    ("limit", "--limit"),
    ("seed", "--seed"),
    ("policy", "--policy"),
    ("disclosure", "--disclosure"),
    ("feedback", "--feedback"),
    ("sandbox", "--sandbox"),
    ("network", "--network"),
    ("device", "--device"),
    ("evaluation_engine", "--engine"),
)


@dataclass(frozen=True)
class SetupChoices:
    """`time`, `limit` and `seed` are text as typed; an empty limit means all items."""

    preset: str | None = None
    model: str = "gemma-3-270m-embedded"
    agent: str = "recipe"
    agent_model: str = ""
    benchmarks: tuple[str, ...] = ()
    time: str = "30 min"
    limit: str = ""
    seed: str = "0"
    policy: str = "reset"
    disclosure: str = "rules"
    feedback: str = "dev"
    sandbox: str = "bubblewrap"
    network: str = "off"
    device: str = "auto"
    engine: EngineChoice = "auto"


def choices_of(preset: Preset) -> SetupChoices:
    """What a preset chooses, as it would be typed."""
    return SetupChoices(
        preset=preset.id,
        model=preset.model,
        agent=preset.agent,
        agent_model=preset.agent_model or "",
        benchmarks=preset.benchmarks,
        time=time_text(preset.budget_minutes),
        limit="" if preset.limit is None else str(preset.limit),
        seed=str(preset.seed),
        policy=preset.policy,
        disclosure=preset.disclosure,
        feedback=preset.feedback,
        sandbox=preset.sandbox,
        network=preset.network,
        device=preset.device,
        engine=preset.evaluation_engine,
    )


def toggled(choices: SetupChoices, benchmark: str, order: tuple[str, ...]) -> SetupChoices:
    """The same with one benchmark added or taken away, in the catalogue's order."""
    chosen = set(choices.benchmarks) ^ {benchmark}
    return replace(choices, benchmarks=tuple(name for name in order if name in chosen))


def minutes_of(text: str) -> float:
    """ "90", "90 min" or "1.5 h" as minutes. Raises SpecError (field `time box`)."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise SpecError(
            f"{text[:40]!r} is not a length of time",
            field="time box",
            hint='Type "30 min" or "2 h"',
        )
    unit = (found[2] or "m").lower()
    return float(found[1]) * (60 if unit.startswith("h") else 1)


def time_text(minutes: float) -> str:
    """Minutes as one would type them."""
    if minutes >= 120 and minutes % 60 == 0:
        return f"{minutes / 60:g} h"
    return f"{minutes:g} min"


def overrides(
    choices: SetupChoices, presets: Mapping[str, Preset], catalog: Catalog
) -> dict[str, object]:
    """What the choices change of their preset, as `resolve_spec` takes it; all without a preset.

    Raises SpecError for text that is no number, and for "all items" where the preset limits
    them and the benchmarks differ in size.
    """
    typed = _typed(choices)
    preset = presets.get(choices.preset or "")
    if preset is None:
        return {key: value for key, value in typed.items() if value is not None}
    base = _typed(choices_of(preset))
    changed = {key: value for key, value in typed.items() if value != base[key]}
    if changed.get("limit", 0) is None:
        changed["limit"] = _all_items(choices, catalog)
    if changed.get("agent_model", "") is None:
        raise SpecError(
            f"the preset names {preset.agent_model}", field="agent's model", hint="Name another"
        )
    return changed


def command(choices: SetupChoices, chosen: Mapping[str, object], runs_dir: Path) -> str:
    """The command line that starts the same run; `chosen` is what `overrides` gave."""
    words = ["ptb-lite", "run"]
    if choices.preset:
        words += ["--preset", choices.preset]
    for key, option in _OPTIONS:
        if key in chosen:
            value = chosen[key]
            words += [option, f"{value:g}" if isinstance(value, float) else str(value)]
    benchmarks = chosen.get("benchmarks")
    for name in benchmarks if isinstance(benchmarks, tuple) else ():
        words += ["--benchmark", name]
    if runs_dir != Path("runs"):
        words += ["--runs-dir", str(runs_dir)]
    return shlex.join(words)


def _typed(choices: SetupChoices) -> dict[str, object]:
    return {
        "model": choices.model,
        "agent": choices.agent,
        "agent_model": choices.agent_model.strip() or None,
        "benchmarks": choices.benchmarks,
        "minutes": minutes_of(choices.time),
        "limit": _whole(choices.limit, "subset") if _is_limited(choices.limit) else None,
        "seed": _whole(choices.seed, "seed") if choices.seed.strip() else 0,
        "policy": choices.policy,
        "disclosure": choices.disclosure,
        "feedback": choices.feedback,
        "sandbox": choices.sandbox,
        "network": choices.network,
        "device": choices.device,
        "evaluation_engine": choices.engine,
    }


def _is_limited(text: str) -> bool:
    return text.strip().lower() not in ("", "all")


def _whole(text: str, field: str) -> int:
    shown = text.strip()
    if not re.fullmatch(r"\d{1,9}", shown, re.ASCII):
        raise SpecError(f"{shown[:40]!r} is not a whole number", field=field, hint="Type digits")
    return int(shown)


def _all_items(choices: SetupChoices, catalog: Catalog) -> int | None:
    sizes = {catalog.benchmark(name).scored_size(choices.feedback) for name in choices.benchmarks}
    if len(sizes) > 1:
        raise SpecError(
            "the preset takes a part of the items, and these benchmarks differ in size",
            field="subset",
            hint="Type a number, or take no preset",
        )
    return sizes.pop() if sizes else None


def preset_of(spec: RunSpec, name: str) -> Preset:
    """The preset that chooses what a run's spec says; raises CatalogError for a name that is none.

    The installation's secret and the versions stay out.
    """
    from pydantic import ValidationError

    from ptb_lite.spec.presets import Preset
    from ptb_lite.spec.run_spec import RunSpec

    fields = set(Preset.model_fields) & set(RunSpec.model_fields)
    title = f"{spec.model}, {spec.agent}, {time_text(spec.budget_minutes)}"
    try:
        return Preset.model_validate(
            {**spec.model_dump(include=fields), "id": name, "title": title}
        )
    except ValidationError as error:
        raise CatalogError(
            f"{name[:64]!r} is no name of a preset",
            field="preset",
            hint="Use letters, digits, dot, dash and underscore",
        ) from error
