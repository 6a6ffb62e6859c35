"""Which engine the evaluations of what is chosen would take here, and what that means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.choices import EngineChoice
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.engine.plan import (
    VLLM_MODELS,
    VLLM_START_SECONDS,
    EvaluationPlan,
    Facts,
    Work,
    choose_evaluation,
    rows,
    transformers_seconds,
)
from ptb_lite.evaluation.vllm.place import INSTALL, NOT_INSTALLED, Missing, Vllm
from ptb_lite.hardware import Device
from ptb_lite.text import duration
from ptb_lite.tui.models.setup.estimate import Scored
from ptb_lite.tui.models.setup.machine import Machine

# Where nobody has looked, room for a merged model is not what decides.
_UNKNOWN_DISK = 1 << 62


@dataclass(frozen=True)
class ExpectedEngine:
    """The choice as the run will make it, by the catalogue's figures, and a sentence about it."""

    plan: EvaluationPlan
    text: str


def expected_engine(
    asked: EngineChoice,
    model: ModelEntry,
    benchmarks: Sequence[Scored],
    device: Device,
    machine: Machine,
) -> ExpectedEngine:
    """The engine of a run's baseline, which is that of all its evaluations.

    Where vLLM is asked for in vain, the sentence says why, and the plan is transformers'.
    """
    facts = _facts(model, benchmarks, device, machine)
    try:
        plan = choose_evaluation(facts, asked)
    except SpecError as error:
        return ExpectedEngine(choose_evaluation(facts, "transformers"), error.message)
    if plan.engine.name == "vllm":
        starts = f"with about {VLLM_START_SECONDS:.0f} s for each of its two starts"
        return ExpectedEngine(plan, f"{plan.reasons[0]}, {starts}")
    return ExpectedEngine(plan, _by_transformers(facts, plan))


def _facts(
    model: ModelEntry, benchmarks: Sequence[Scored], device: Device, machine: Machine
) -> Facts:
    return Facts(
        device=device.kind,
        memory_total=device.memory_bytes,
        memory_free=device.available_bytes,
        model_type=model.model_type,
        numbers=model,
        sequence=max(each.sequence(each.entry.num_fewshot) for each in benchmarks),
        disk_free=_UNKNOWN_DISK if machine.disk_free is None else machine.disk_free,
        # The baseline has two passes: with examples, and without.
        work=tuple(Work(each.items, each.answer) for each in benchmarks for _ in range(2)),
        vllm=machine.vllm,
    )


def _by_transformers(facts: Facts, plan: EvaluationPlan) -> str:
    """Its reason, and what would make it vLLM."""
    if plan.asked != "auto" or facts.device != "cuda":
        return plan.reasons[0]
    if not facts.model_type and _engine(replace(facts, model_type=VLLM_MODELS[0])) == "vllm":
        return "transformers, or vLLM where it was tried with this kind of model"
    if facts.vllm == Missing(NOT_INSTALLED):
        there = replace(facts, vllm=Vllm({"vllm": ""}, None, "cuda"))
        if _engine(there) == "vllm":
            least = duration(transformers_seconds(facts, rows(facts)))
            return (
                f"{plan.reasons[0]} ({INSTALL}); it would be taken, since the baseline generates "
                f"for {least} or more"
            )
    return plan.reasons[0]


def _engine(facts: Facts) -> Literal["transformers", "vllm"]:
    return choose_evaluation(facts).engine.name
