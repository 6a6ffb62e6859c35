"""How many training steps the time box holds: predicted from the machine's rate before the start.

A guess that is right within a factor of two or three, which is enough for what it is for: to tell
a run of 300 steps from one of none.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Literal

from ptb_lite.agents.own.recipe_main import (
    BATCH_SIZE,
    MAX_EPOCHS,
    STEP_SECONDS,
    TRAINING_SHARE,
)
from ptb_lite.catalog.embedded import cache_root
from ptb_lite.catalog.entries import BenchmarkEntry, ModelEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.errors import PtbLiteError, SpecError
from ptb_lite.events import Record
from ptb_lite.files import read_record, write_record
from ptb_lite.hardware import Device
from ptb_lite.hardware.rate import core_rate
from ptb_lite.spec.run_spec import RunSpec
from ptb_lite.text import duration, large, plural

# Operations of a LoRA step for each weight and token: the forward pass, and the gradient of the
# activations; frozen weights have none of their own.
_OPERATIONS = 4.0
# Of a GPU, without asking it: what small models reach in training, taken low.
_GPU_RATE = 2e13
# Of a CPU core where nothing could be measured.
_PER_CORE = 5e10
_MEASUREMENTS = 4
# Seconds of a step's kernel starts on a GPU, and of everything beside the layers on a CPU.
_LEAST_SECONDS = {"cpu": 0.3, "cuda": 0.15}
# Tokens of a training example: a short sum with its answer, and a solution in words.
_TOKENS = {"procedural": 25, "dataset": 250, "lm-eval": 60}
_CHARACTERS = 3.5
# Bytes a second at which weights are read, and the seconds that imports take before.
_READING, _STARTING = 3e8, 10.0
# Fewer steps than this teach a model nothing that an evaluation would show.
FEW_STEPS = 20


class MachineRate(Record):
    """The content of `cpu-rate.json`: operations a second of one core, the best of so many `times`.

    Version 1 counted time by the clock: four starts on a busy machine kept a tenth of the rate.
    """

    version: Literal[2] = 2
    name: str
    rate: float = 0.0
    times: int = 0


@dataclass(frozen=True)
class Steps:
    """`fit` training steps are predicted to fit, of the `wanted` that the agent would plan, which
    nobody knows (None) of an agent that decides for itself. `seconds` is one step's."""

    fit: int
    wanted: int | None
    seconds: float

    @property
    def few(self) -> bool:
        return self.fit < (FEW_STEPS if self.wanted is None else min(FEW_STEPS, self.wanted))

    def words(self) -> str:
        """ "about 1 of 273 steps, 5 min 20 s each"."""
        count = f"{self.fit} of {plural(self.wanted, 'training step')}" if self.wanted else ""
        about = count or plural(self.fit, "training step")
        return f"about {about} of batch {BATCH_SIZE}, {duration(self.seconds)} each"


def machine_rate(device: Device) -> float:
    """Operations a second; of a CPU the best that was ever measured here, which the cache keeps."""
    return _GPU_RATE if device.kind == "cuda" else device.cores * _core(device.name)


@cache
def _core(name: str) -> float:
    """The best of the first few starts: what else ran at one time must not slow predictions."""
    kept = cache_root() / "cpu-rate.json"
    known = MachineRate(name=name)
    with suppress(PtbLiteError, OSError):
        found = read_record(kept, MachineRate)
        known = found if found.name == name else known
    if known.times >= _MEASUREMENTS:
        return known.rate
    rate = max(known.rate, core_rate() or 0.0)
    if not rate:
        return _PER_CORE
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_record(kept, known.model_copy(update={"rate": rate, "times": known.times + 1}))
    return rate


def training_steps(
    model: ModelEntry,
    benchmarks: Sequence[BenchmarkEntry],
    *,
    plans: bool,
    budget_seconds: float,
    kind: Literal["cpu", "cuda"],
    rate: float,
) -> Steps:
    """Pure: the steps of the recipe's batch that fit into its share of the time box.

    `plans`: the agent is the recipe, of which is known how many it would plan.
    """
    tokens = sum(_TOKENS[entry.kind] for entry in benchmarks) / len(benchmarks)
    layers = max(model.parameters - model.vocabulary * model.hidden, model.parameters / 10)
    work = _OPERATIONS * layers * tokens * BATCH_SIZE
    seconds = max(_LEAST_SECONDS[kind], work / rate)
    share = TRAINING_SHARE * budget_seconds
    loading = _STARTING + 2 * model.parameters / _READING
    # The recipe ends its training in time only where it leaves time to choose; so it gets that.
    fit = int(max(0.0, min(share, budget_seconds - loading)) / seconds)
    if not plans:
        return Steps(fit, None, seconds)
    fixed, each = STEP_SECONDS[kind]
    planned = int(share / (fixed + each * tokens * _CHARACTERS * BATCH_SIZE))
    rows = sum(entry.train_size or entry.dev_size for entry in benchmarks)
    wanted = max(1, min(planned, -(-rows * MAX_EPOCHS // BATCH_SIZE)))
    return Steps(min(fit, wanted), wanted, seconds)


def expected_steps(spec: RunSpec, catalog: Catalog, device: Device) -> Steps:
    """The steps of a run on this machine."""
    return training_steps(
        catalog.model(spec.model),
        [catalog.benchmark(name) for name in spec.benchmarks],
        plans=catalog.agent(spec.agent).backend == "recipe",
        budget_seconds=60 * spec.budget_minutes,
        kind=device.kind,
        rate=machine_rate(device),
    )


def speed_warning(spec: RunSpec, catalog: Catalog, device: Device) -> PtbLiteError | None:
    """That the time box is too short for the model here; None where it is not."""
    agent = catalog.agent(spec.agent)
    if agent.backend != "recipe" and not agent.has_model:
        return None
    steps = expected_steps(spec, catalog, device)
    if not steps.few:
        return None
    where = "the GPU" if device.kind == "cuda" else plural(device.cores, "core")
    size = large(catalog.model(spec.model).parameters)
    return SpecError(
        f"{steps.words()}, fit into the time box ({size} parameters on {where})",
        field="model",
        hint="Choose a smaller model, or more time",
    )
