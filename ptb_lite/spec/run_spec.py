"""RunSpec: everything that was chosen for a run, validated in this one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ptb_lite.audit.judge.choice import audit_judge_choice, check_audit_judge
from ptb_lite.catalog.entries import LM_EVAL, AgentEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.catalog.yaml_file import plain_message
from ptb_lite.errors import (
    CatalogError,
    PtbLiteError,
    SpecError,
    problems_of,
    raise_all,
    suggestion,
)
from ptb_lite.evaluation.job import Generation
from ptb_lite.installation import item_salt, package_versions
from ptb_lite.plugins import PluginError
from ptb_lite.sandbox import sandbox
from ptb_lite.spec.choices import MAX_BUDGET_MINUTES, NOTHING
from ptb_lite.spec.presets import Choices, Preset, load_preset
from ptb_lite.stats.success import LossTerm, SuccessError
from ptb_lite.stats.success import parse as parse_success

__all__ = ["MAX_BUDGET_MINUTES", "Generation", "RunSpec", "resolve_spec"]

_BUDGETS = ("hours", "minutes", "budget_minutes")
_FOLLOWING = ("inconclusive", "network")
_PRESET_ONLY = {"id", "title", "summary", "min_gpu_gb"}


class RunSpec(Choices):
    """The content of `spec.json`: every choice of a run, all defaults filled in.

    The choices are `RunChoices`. `item_salt` is the installation's secret from which the test
    items are drawn: it never enters a workspace or a report. `packages` holds the version of every
    package that affects a score, `revisions` the commit of each Hub repository, by its name, as far
    as it is known when the run starts.
    """

    version: Literal[1] = 1
    preset: str | None = None
    item_salt: Annotated[str, Field(min_length=1, repr=False)]
    packages: dict[str, str] = Field(default_factory=dict)
    revisions: dict[str, str] = Field(default_factory=dict)

    @property
    def measured(self) -> tuple[str, ...]:
        """Every benchmark that is scored, the targets first."""
        return (*self.benchmarks, *self.off_target)


def resolve_spec(
    *,
    preset: str | None,
    overrides: Mapping[str, object],
    catalog: Catalog,
    strict: bool = True,
) -> RunSpec:
    """The RunSpec of a preset (a name, a file, or None) with single choices overridden.

    Keys of `overrides` are RunSpec fields, and `hours` or `minutes` for the budget; a value of
    None means "not chosen". Nothing is started and nothing written but the installation's
    secret. Raises SpecError with the field, and CatalogError for a malformed preset file. Not
    `strict`: what `choice_problems` finds is not raised, so that it can be said with all else.
    """
    chosen = {key: value for key, value in overrides.items() if value is not None}
    _refuse_unknown(chosen)
    if chosen.get("off_target") == (NOTHING,):
        chosen["off_target"] = ()
    base = _preset_fields(preset)
    if "benchmarks" in chosen and not chosen["benchmarks"]:
        del chosen["benchmarks"]
    budget = _budget(chosen)
    values: dict[str, Any] = {
        **base,
        **{key: value for key, value in chosen.items() if key not in _BUDGETS},
        "preset": preset,
    }
    if budget is not None:
        values["budget_minutes"] = budget
    _require(values)
    agent = catalog.agents.get(str(values.get("agent", RunSpec.model_fields["agent"].default)))
    if values.get("network") is None and agent is not None and agent.needs_network:
        # Its model and the Hub through the gate: what it needs and no more.
        values["network"] = "hub"
    if values.get("on_early_stop") is None:
        values["on_early_stop"] = agent.on_early_stop if agent is not None else "accept"
    if values.get("inconclusive") is None:
        values["inconclusive"] = "base" if values.get("policy", "reset") == "reset" else "raw"
    if isinstance(values.get("audit_judge"), str):
        values["audit_judge"] = audit_judge_choice(values["audit_judge"], catalog.agents)
    values.setdefault("item_salt", "unset")
    spec = _build(values)
    if "benchmarks" in chosen and "off_target" not in chosen:
        # A preset's off-target benchmark that a person makes a target is one no longer.
        others = tuple(name for name in spec.off_target if name not in spec.benchmarks)
        spec = spec.model_copy(update={"off_target": others})
    _require_known(spec, catalog)
    if strict:
        raise_all(choice_problems(spec, catalog))
    salt = spec.item_salt if "item_salt" in chosen else item_salt()
    return spec.model_copy(update={"item_salt": salt, "packages": package_versions()})


def _preset_fields(name: str | None) -> dict[str, Any]:
    if name is None:
        return {}
    try:
        found: Preset = load_preset(name)
    except CatalogError as error:
        if error.field == "preset":
            raise SpecError(error.message, field="preset", hint=error.hint) from error
        raise
    given = found.model_dump(exclude=_PRESET_ONLY)
    # What follows from other choices where the file does not say it.
    return {
        key: value
        for key, value in given.items()
        if key in found.model_fields_set or key not in _FOLLOWING
    }


def _refuse_unknown(chosen: Mapping[str, object]) -> None:
    for key in chosen:
        if key in ("version", "preset", "packages", "revisions") or (
            key not in RunSpec.model_fields and key not in _BUDGETS
        ):
            raise SpecError("there is no such choice", field=key)


def _budget(chosen: Mapping[str, object]) -> float | None:
    given = [key for key in _BUDGETS if key in chosen]
    if not given:
        return None
    if len(given) > 1:
        raise SpecError(
            f"{' and '.join(given)} are both given", field="budget", hint="Give one of them"
        )
    value = chosen[given[0]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpecError(
            f"{value!r} is not a length of time", field=given[0], hint="Give a number above 0"
        )
    return float(value) * 60 if given[0] == "hours" else float(value)


def _require(values: Mapping[str, object]) -> None:
    if not values.get("benchmarks"):
        raise SpecError(
            "none is chosen",
            field="benchmark",
            hint="Give --preset, or --benchmark (`ptb-lite list benchmarks` shows them)",
        )
    if "budget_minutes" not in values:
        raise SpecError(
            "none is chosen", field="budget", hint="Give --preset, --hours or --minutes"
        )


def _build(values: dict[str, Any]) -> RunSpec:
    budget = values["budget_minutes"]
    if not 0 < budget <= MAX_BUDGET_MINUTES:
        raise SpecError(
            f"{budget:g} minutes is out of range",
            field="budget",
            hint="Give more than 0 minutes and at most 7 days (168 hours)",
        )
    try:
        return RunSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        value = repr(first["input"])[:80]
        raise SpecError(
            f"{value}: {plain_message(first['type'], first['msg'])}", field=name
        ) from error


def choice_problems(spec: RunSpec, catalog: Catalog) -> tuple[PtbLiteError, ...]:
    """Everything for which choices that are known each by itself make no run together."""
    agent = catalog.agent(spec.agent)
    return problems_of(
        (
            partial(_check_role, catalog, spec),
            partial(_check_test_items, agent, spec),
            partial(_check_sandbox, spec),
            partial(_check_network, agent, spec),
            partial(_check_success, spec),
            partial(_check_audit_judge, catalog, spec),
            partial(_check_off_target, spec),
            partial(_check_twice, spec),
            partial(_check_engine, spec),
            partial(_check_sizes, catalog, spec),
        )
    )


def _require_known(spec: RunSpec, catalog: Catalog) -> None:
    """Raises SpecError for the first name that stands for nothing."""
    try:
        catalog.model(spec.model)
        catalog.agent(spec.agent)
        for name in spec.benchmarks:
            catalog.benchmark(name)
    except CatalogError as error:
        raise SpecError(error.message, field=error.field, hint=error.hint) from error
    for name in spec.off_target:
        try:
            catalog.benchmark(name)
        except CatalogError as error:
            hint = suggestion(name, (NOTHING, *catalog.benchmarks))
            raise SpecError(error.message, field="also", hint=hint) from error


def _check_role(catalog: Catalog, spec: RunSpec) -> None:
    if catalog.model(spec.model).role != "base":
        raise SpecError(
            f"'{spec.model}' is there for comparison, not to be post-trained",
            field="model",
            hint="`ptb-lite list models` shows the base models",
        )


def _check_test_items(agent: AgentEntry, spec: RunSpec) -> None:
    if agent.needs_test_items and spec.feedback != "test":
        raise SpecError(
            f"agent '{spec.agent}' needs the test items, which are not handed out",
            field="feedback",
            hint="Give --feedback test",
        )


def _check_engine(spec: RunSpec) -> None:
    for name in spec.measured if spec.evaluation_engine == "vllm" else ():
        if name.startswith(LM_EVAL):
            raise SpecError(f"'{name}' is evaluated with transformers only", field="engine")


def _check_twice(spec: RunSpec) -> None:
    for name in spec.benchmarks:
        if spec.benchmarks.count(name) > 1:
            raise SpecError(f"'{name}' is given twice", field="benchmark")


def _check_sizes(catalog: Catalog, spec: RunSpec) -> None:
    """No more items are wanted than there are. How many a task of lm-eval has is known once it is
    read."""
    entries = [catalog.benchmark(name) for name in dict.fromkeys(spec.benchmarks)]
    known = [entry for entry in entries if entry.kind != "lm-eval"]
    most = {entry.id: entry.scored_size(spec.feedback) for entry in known}
    wanted = [
        ("limit", spec.limit, most[each.id], f"scored test items of '{each.id}'") for each in known
    ]
    wanted += [
        ("dev_limit", spec.dev_limit, each.dev_size, f"dev items of '{each.id}'") for each in known
    ]
    raise_all(problems_of(partial(_check_limit, *each) for each in wanted))


def _check_off_target(spec: RunSpec) -> None:
    for name in spec.off_target:
        if name in spec.benchmarks:
            raise SpecError(
                f"'{name}' is a target of this run",
                field="also",
                hint="Name a benchmark that --benchmark does not",
            )
        if spec.off_target.count(name) > 1:
            raise SpecError(f"'{name}' is given twice", field="also")


def _check_success(spec: RunSpec) -> None:
    try:
        terms = parse_success(spec.success)
    except SuccessError as error:
        raise SpecError(error.message, field="success", hint=error.hint) from error
    if not spec.off_target and any(isinstance(term, LossTerm) for term in terms):
        raise SpecError(
            "an off-target loss is declared and nothing beside the target is measured",
            field="success",
            hint="Give --also BENCHMARK",
        )


def _check_sandbox(spec: RunSpec) -> None:
    try:
        sandbox(spec.sandbox)
    except PluginError as error:
        raise SpecError(error.message, field="sandbox", hint=error.hint) from error
    for path in spec.read_only:
        if not path.is_absolute():
            raise SpecError(f"{path} is no absolute path", field="read_only")
        if not path.exists():
            raise SpecError(f"{path} is not there", field="read_only")
        if path.resolve() == Path("/"):
            raise SpecError("the whole machine cannot be shown", field="read_only")


def _check_network(agent: AgentEntry, spec: RunSpec) -> None:
    if agent.needs_network and spec.network == "off":
        raise SpecError(
            f"agent '{spec.agent}' needs the network, which is off",
            field="network",
            hint="Give --network hub, model-only, or full",
        )
    if spec.network not in ("model-only", "hub"):
        return
    if not sandbox(spec.sandbox).isolates:
        raise SpecError(
            "nothing can be cut off without a sandbox",
            field="network",
            hint="Choose a --sandbox, or give --network full",
        )
    if spec.network == "hub":
        return
    if not agent.needs_network and not agent.endpoint:
        raise SpecError(
            f"agent '{spec.agent}' has no model to reach",
            field="network",
            hint="Give --network off, or in agents.yaml the agent's endpoint",
        )


def _check_audit_judge(catalog: Catalog, spec: RunSpec) -> None:
    if spec.audit_judge is None or spec.audit_judge.agent is None:
        return
    check_audit_judge(spec.audit_judge, catalog.agents)
    if not sandbox(spec.sandbox).isolates:
        raise SpecError(
            "an agent that reads untrusted files needs a sandbox",
            field="audit_judge",
            hint="Choose a --sandbox, or a judge at an endpoint",
        )


def _check_limit(field: str, limit: int | None, size: int, what: str) -> None:
    if limit is not None and limit > size:
        raise SpecError(
            f"{limit} is more than the {size} {what}",
            field=field,
            hint=f"Give {size} or less, or leave it out for all",
        )
