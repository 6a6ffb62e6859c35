"""The choices of the Setup screen as typed, before anything has said that they can be run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_origin

from ptb_lite.errors import CatalogError, SpecError

if TYPE_CHECKING:
    # The screen's first frame does not wait for what validates.
    from ptb_lite.catalog.loader import Catalog
    from ptb_lite.spec.choices import Choice
    from ptb_lite.spec.presets import Preset
    from ptb_lite.spec.run_spec import RunSpec

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(m|min|minutes?|h|hours?)?", re.IGNORECASE)
_LISTED = "benchmarks"


@dataclass(frozen=True)
class SetupChoices:
    """`typed` is text by the name of the choice, as in RunChoices."""

    preset: str | None = None
    benchmarks: tuple[str, ...] = ()
    typed: Mapping[str, str] = field(
        default_factory=lambda: {**_defaults(), "budget_minutes": "30 min"}
    )

    def text(self, name: str) -> str:
        """What is typed for one choice; empty where nothing is."""
        return self.typed.get(name, "")

    def but(self, **typed: str) -> SetupChoices:
        """The same with other text for some choices."""
        return replace(self, typed={**self.typed, **typed})


def typed_choices() -> tuple[Choice, ...]:
    """Every choice but the benchmarks, which are ticked."""
    from ptb_lite.spec.choices import run_choices

    return tuple(choice for choice in run_choices() if choice.name != _LISTED)


def _defaults() -> dict[str, str]:
    return {each.name: _as_text(each, each.default) for each in typed_choices()}


def choices_of(preset: Preset) -> SetupChoices:
    """What a preset chooses, as it would be typed."""
    typed = {each.name: _as_text(each, getattr(preset, each.name)) for each in typed_choices()}
    return SetupChoices(preset.id, preset.benchmarks, typed)


def _as_text(choice: Choice, value: object) -> str:
    """A choice's value as one would type it."""
    if value is None:
        return ""
    if choice.name == "budget_minutes" and isinstance(value, float):
        return time_text(value)
    match value:
        case tuple() if get_args(choice.type)[0] is not Path:
            return ", ".join(value)
        case tuple():
            return os.pathsep.join(str(part) for part in value)
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
    # A judge is a record: its agent or model, and where it is asked.
    endpoint = getattr(value, "endpoint", None)
    if endpoint is not None:
        return f"{getattr(value, 'model', '')}@{endpoint}"
    agent = getattr(value, "agent", None)
    if agent is not None:
        return ":".join(part for part in (agent, getattr(value, "model", None)) if part)
    return str(value)


def toggled(choices: SetupChoices, benchmark: str, order: tuple[str, ...]) -> SetupChoices:
    """The same with one benchmark added or taken away, in the catalogue's order.

    Tasks of lm-eval, which a preset names, come after.
    """
    chosen = set(choices.benchmarks) ^ {benchmark}
    known = tuple(dict.fromkeys((*order, *choices.benchmarks, benchmark)))
    return replace(choices, benchmarks=tuple(name for name in known if name in chosen))


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
    base = choices_of(preset)
    before = _typed(base)
    changed = {key: value for key, value in typed.items() if value != before[key]}
    if changed.get("limit", 0) is None:
        changed["limit"] = _all_items(choices, catalog)
    for each in typed_choices():
        if changed.get(each.name, "") is None:
            raise SpecError(
                f"the preset names {base.text(each.name)}",
                field=each.shown.label.lower(),
                hint="Name another",
            )
    return changed


def command(choices: SetupChoices, chosen: Mapping[str, object], runs_dir: Path) -> str:
    """The command line that starts the same run; `chosen` is what `overrides` gave."""
    from ptb_lite.spec.choices import NOTHING

    words = ["ptb-lite", "run"]
    if choices.preset:
        words += ["--preset", choices.preset]
    for each in typed_choices():
        value = chosen.get(each.name)
        if value is None or value is False:
            continue
        if isinstance(value, tuple):
            if each.name == "off_target":
                value = value or (NOTHING,)
            words += [part for path in value for part in (f"--{each.option}", str(path))]
            continue
        words.append(f"--{each.option}")
        if each.name == "budget_minutes":
            words.append(f"{value:g}")
        elif value is not True:
            words.append(_as_text(each, value))
    benchmarks = chosen.get(_LISTED)
    for name in benchmarks if isinstance(benchmarks, tuple) else ():
        words += ["--benchmark", name]
    if runs_dir != Path("runs"):
        words += ["--runs-dir", str(runs_dir)]
    return shlex.join(words)


def _typed(choices: SetupChoices) -> dict[str, object]:
    values: dict[str, object] = {
        each.name: _value(each, choices.text(each.name).strip()) for each in typed_choices()
    }
    return {**values, _LISTED: choices.benchmarks}


def _value(choice: Choice, text: str) -> object:
    """What the text means; None where nothing is typed. Raises SpecError with the label."""
    label = choice.shown.label.lower()
    if choice.name == "budget_minutes":
        return minutes_of(text)
    if choice.name == "judge":
        from ptb_lite.evaluation.judge.choice import judge_choice

        return judge_choice(text or None)
    if text.lower() in ("", "all"):
        return None if text or choice.default is None else choice.default
    if choice.type is bool:
        return text == "yes"
    if get_origin(choice.type) is tuple and get_args(choice.type)[0] is not Path:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if get_origin(choice.type) is tuple:
        return tuple(Path(part).expanduser().absolute() for part in text.split(os.pathsep))
    if choice.type is int:
        return _whole(text, label)
    if choice.type is float:
        return _number(text, label)
    return Path(text).expanduser().absolute() if choice.type is Path else text


def _number(text: str, field: str) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII):
        raise SpecError(f"{text[:40]!r} is not a number", field=field, hint="Type digits")
    return float(text)


def _whole(text: str, field: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise SpecError(f"{text[:40]!r} is not a whole number", field=field, hint="Type digits")
    return int(text)


def _all_items(choices: SetupChoices, catalog: Catalog) -> int | None:
    sizes = {
        catalog.benchmark(name).scored_size(choices.text("feedback")) for name in choices.benchmarks
    }
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
