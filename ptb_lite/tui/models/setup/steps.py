"""How far a training would get in the time box, model by model: good, slow or no."""

from __future__ import annotations

from typing import Literal

from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.doctor.speed import Steps, training_steps
from ptb_lite.errors import SpecError
from ptb_lite.tui.models.setup.choices import SetupChoices, minutes_of
from ptb_lite.tui.models.setup.machine import Machine

Speed = Literal["good", "slow", "no", "?"]
# Of an agent that plans its own training nobody knows how many steps it wants.
_MANY = 100


def steps_of(
    model: ModelEntry, catalog: Catalog, choices: SetupChoices, machine: Machine
) -> Steps | None:
    """What is predicted for the chosen agent, benchmarks and time; None where nobody can say."""
    device = machine.used(choices.text("device"))
    rate = machine.rates.get(device.kind) if device is not None else None
    benchmarks = [catalog.benchmarks[n] for n in choices.benchmarks if n in catalog.benchmarks]
    if device is None or rate is None or not benchmarks:
        return None
    try:
        minutes = minutes_of(choices.text("budget_minutes"))
    except SpecError:
        return None
    agent = catalog.agents.get(choices.text("agent"))
    return training_steps(
        model,
        benchmarks,
        plans=agent is not None and agent.backend == "recipe",
        budget_seconds=60 * minutes,
        kind=device.kind,
        rate=rate,
    )


def speed_word(steps: Steps | None) -> Speed:
    """One word for a column."""
    if steps is None:
        return "?"
    if steps.few:
        return "no"
    return "good" if steps.fit >= (_MANY if steps.wanted is None else steps.wanted / 2) else "slow"


def steps_text(steps: Steps) -> str:
    """ "1 of 273 training steps"."""
    wanted = f" of {steps.wanted}" if steps.wanted is not None else ""
    return f"{steps.fit}{wanted} training steps"
