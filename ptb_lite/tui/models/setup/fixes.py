"""What mends a problem by one key: another choice where one is known to work, else its field."""

from __future__ import annotations

from ptb_lite.catalog.loader import Catalog
from ptb_lite.hardware import Device
from ptb_lite.spec.choices import run_choices
from ptb_lite.tui.models.setup.choices import SetupChoices
from ptb_lite.tui.models.setup.lines import Fix
from ptb_lite.tui.models.setup.machine import Machine
from ptb_lite.tui.models.setup.memory import most_memory
from ptb_lite.tui.models.setup.problems import SetupProblem
from ptb_lite.tui.models.setup.steps import speed_word, steps_of

_GO = {
    "benchmarks": "choose another",
    "budget_minutes": "change the time",
    "data_dir": "name a data folder",
    "judge": "name a judge",
    "audit_judge": "name another",
    "sandbox": "choose another",
    "network": "choose another",
}


def fix_of(
    problem: SetupProblem, choices: SetupChoices, catalog: Catalog, machine: Machine
) -> Fix | None:
    """The way out of one problem, None where no field of Setup is one."""
    match problem.field:
        case "":
            return None
        case "model":
            other = _model(choices, catalog, machine, any_speed=not problem.warns)
            if other is not None:
                return Fix(f"take {other}", "model", other)
            return Fix("more time", "budget_minutes")
        case "agent":
            agent = _agent(choices, catalog, machine)
            return Fix(f"take {agent}", "agent", agent) if agent else Fix("choose another", "agent")
        case "device" if choices.text("device") == "cuda":
            return Fix("take the CPU", "device", "cpu")
        case "feedback":
            return Fix("hand the test items out", "feedback", "test")
    labels = {each.name: each.shown.label for each in run_choices()}
    label = labels.get(problem.field)
    go = f"change {label}" if label else ""
    text = _GO.get(problem.field, go)
    return Fix(text, problem.field) if text else None


def _model(
    choices: SetupChoices, catalog: Catalog, machine: Machine, *, any_speed: bool
) -> str | None:
    """The largest base model that is here, fits and learns something in the time; where only
    speed is in the way, and that refuses nothing, the smallest that is here."""
    device = machine.used(choices.text("device"))
    here = sorted(
        (
            entry
            for entry in catalog.models.values()
            if entry.role == "base"
            and entry.id != choices.text("model")
            and machine.models.get(entry.id) in ("here", "convert")
            and _fits(most_memory(entry), device)
        ),
        key=lambda entry: entry.parameters,
    )
    quick = ("good", "slow")
    known = [e for e in here if speed_word(steps_of(e, catalog, choices, machine)) in quick]
    if known:
        return known[-1].id
    return here[0].id if here and any_speed else None


def _fits(needed: int, device: Device | None) -> bool:
    return device is not None and needed <= device.available_bytes


def _agent(choices: SetupChoices, catalog: Catalog, machine: Machine) -> str | None:
    """The first agent that is ready, never one of the red team."""
    for entry in catalog.agents.values():
        state = machine.agents.get(entry.id)
        ready = state is not None and state.ready and not entry.needs_network
        if ready and not entry.red_team and entry.id != choices.text("agent"):
            return entry.id
    return None
