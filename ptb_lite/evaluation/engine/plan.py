"""How an evaluation is carried out on this machine: a pure choice by capability, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ptb_lite.choices import EngineChoice
from ptb_lite.errors import SpecError
from ptb_lite.evaluation.job import Engine
from ptb_lite.evaluation.vllm.place import INSTALL, VARIABLE, Missing, Vllm
from ptb_lite.events import Record
from ptb_lite.hardware.memory import GB, ModelNumbers, evaluation_memory
from ptb_lite.text import duration

# On a CPU never fewer rows than these, and more only up to where they were measured: 64 take
# up to a sixth less time than 32 (bench/NOTES.md, "Generation and multiple choice").
CPU_BATCH = 32
_MOST_ON_CPU = 64
# Other programs live in a CPU's memory too, and running out of it ends the process.
_CPU_SHARE = 0.5
# Items handed to vLLM at once: it batches by itself, and after each of these completions are kept.
VLLM_ITEMS = 512
# What lm-eval's vllm model and ours have the same architectures for, and what was tried
# (bench/NOTES.md); models that also see are not among them.
VLLM_MODELS = ("gemma3_text", "qwen2", "qwen3", "llama", "smollm3")
# Beyond this many rows nothing was measured (bench/NOTES.md, "Generation").
_MOST_ROWS = 128
# Seconds a layer and step through transformers with captured steps, prompts counted in: 0.3 to 0.5
# ms a layer on an H200 (Qwen3 4B, 32 and 128 rows); smaller cards read their memory slower, and a
# model that cannot be captured takes 2.4 ms, whatever the batch.
_STEP_SECONDS_PER_LAYER = 0.001
# vLLM imports, loads, compiles and captures for so long before its first token: 42 to 72 s on an
# H200 with 16 cores (bench/NOTES.md, "vLLM on a GPU").
VLLM_START_SECONDS = 60.0
# It generated 6 to 12 times as fast as plain steps there, 2 to 3 times as captured ones: worth its
# start from 1.5 to 2 times that on.
_WORTH_ITS_START = 2.0
# What is left of the disk that is free.
_LEFT_BYTES = GB
# vLLM takes more than its share: CUDA's context (1.2 GB on an H200), graphs (0.5 to 1.1 GB) and
# kernels were 2 GB there. One more for whoever else is on the GPU.
_VLLM_BESIDE_BYTES = 3 * GB
_VLLM_MOST = 0.9
# What vLLM needs in its share beside weights and cache: its longest step took 0.7 to 1.5 GB there.
_VLLM_EXTRA_BYTES = 2 * GB
_VLLM_ROWS = 16


@dataclass(frozen=True)
class Work:
    """One task as far as its time goes: items to be answered, and the most tokens of an answer."""

    items: int
    answer: int


@dataclass(frozen=True)
class Facts:
    """What the choice is made by.

    Memory in bytes, all of the device's and what is free. `model_type` is that of config.json,
    `numbers` None where it does not tell them. `sequence` is the longest prompt and answer
    together, in tokens (estimated), `disk_free` the bytes where a merged model would be written.
    """

    device: Literal["cpu", "cuda"]
    memory_total: int
    memory_free: int
    model_type: str
    numbers: ModelNumbers | None
    sequence: int
    disk_free: int
    work: tuple[Work, ...]
    vllm: Vllm | Missing
    lm_tasks: bool = False
    """There are tasks of lm-eval, which were not tried with vLLM."""


class EvaluationPlan(Record):
    """The choice of one run or one evaluation, and why (a sentence each); `asked` is what for."""

    version: Literal[1] = 1
    asked: EngineChoice = "auto"
    engine: Engine
    batch_size: int
    reasons: tuple[str, ...]


def choose_evaluation(facts: Facts, asked: EngineChoice = "auto") -> EvaluationPlan:
    """The engine that is asked for, else the faster one of those that can do it.

    Raises SpecError (field `engine`) where vLLM is asked for and cannot be used.
    """
    if asked == "transformers":
        return _transformers(facts, asked, "transformers, because it was asked for")
    if asked == "vllm" and facts.lm_tasks:
        raise SpecError("tasks of lm-eval are evaluated with transformers only", field="engine")
    if asked == "vllm":
        there = require_vllm(facts.vllm, facts.device)
        return _vllm(facts, there, asked, "vLLM, because it was asked for")
    if facts.device == "cpu":
        return _transformers(facts, asked, "transformers: vLLM is taken on a GPU only")
    if facts.lm_tasks:
        return _transformers(facts, asked, "transformers: tasks of lm-eval take no other engine")
    against = _unusable(facts.vllm, facts.device) or _against_vllm(facts)
    if against is not None or isinstance(facts.vllm, Missing):
        return _transformers(facts, asked, f"transformers: {against}")
    wait = _minutes(transformers_seconds(facts, rows(facts)))
    return _vllm(facts, facts.vllm, asked, f"vLLM: transformers would generate for {wait}")


def require_vllm(found: Vllm | Missing, device: str) -> Vllm:
    """Raises SpecError (field `engine`) where it cannot be used on that kind of device."""
    problem = _unusable(found, device)
    if problem is not None or isinstance(found, Missing):
        raise _refusal(str(problem))
    return found


def without_vllm(plan: EvaluationPlan, facts: Facts, why: str) -> EvaluationPlan:
    """The plan that is left when vLLM was chosen by itself and did not start."""
    return _transformers(facts, plan.asked, f"transformers: {why}")


def rows(facts: Facts) -> int:
    """How many items transformers takes at once.

    On a GPU a step takes as long for 128 rows as for one, so as many as fit, as a power of two:
    a little more or less free memory gives the same batch, and so the same scores. On a CPU
    at least 32, and 64 where half of the free memory holds them.
    """
    if facts.numbers is None:
        return CPU_BATCH
    fitting, most = (CPU_BATCH, _MOST_ON_CPU) if facts.device == "cpu" else (1, _MOST_ROWS)
    while fitting < min(most, _items(facts)) and _fits(facts, facts.numbers, 2 * fitting):
        fitting *= 2
    return fitting


def transformers_seconds(facts: Facts, batch: int) -> float:
    """Seconds that generating takes at least: every batch waits for its longest answer."""
    layers = facts.numbers.layers if facts.numbers is not None else 0
    return sum(card_seconds(work, layers, batch) for work in facts.work)


def card_seconds(work: Work, layers: int, batch: int) -> float:
    """The same of one task for a model of so many layers."""
    return -(-work.items // batch) * work.answer * layers * _STEP_SECONDS_PER_LAYER


def _unusable(found: Vllm | Missing, device: str) -> str | None:
    if isinstance(found, Missing):
        return found.reason
    if found.device != device:
        return f"the installed vLLM computes on {found.device}, not on {device}"
    return None


def _against_vllm(facts: Facts) -> str | None:
    """Why vLLM is not taken though it is there; None: nothing is against it."""
    if facts.model_type not in VLLM_MODELS or facts.numbers is None:
        return f"models of type {facts.model_type or 'unknown'} were not tried with vLLM"
    share = _memory_share(facts)
    needed = _VLLM_EXTRA_BYTES + _memory(facts, facts.numbers, _VLLM_ROWS)
    if share is None or needed > share * facts.memory_total:
        return (
            f"vLLM needs about {needed / GB:.1f} GB for itself, "
            f"{facts.memory_free / GB:.1f} GB are free"
        )
    merged = 2 * facts.numbers.parameters + _LEFT_BYTES
    if merged > facts.disk_free:
        return (
            f"a submission would be merged on a disk with {facts.disk_free / GB:.1f} GB free, "
            f"which takes {merged / GB:.1f} GB"
        )
    seconds = transformers_seconds(facts, rows(facts))
    if seconds <= _WORTH_ITS_START * VLLM_START_SECONDS:
        return (
            f"it generates for {_minutes(seconds)}, and vLLM alone takes about "
            f"{VLLM_START_SECONDS:.0f} s to start"
        )
    return None


def _vllm(facts: Facts, vllm: Vllm, asked: EngineChoice, why: str) -> EvaluationPlan:
    share = _memory_share(facts)
    if share is None:
        raise _refusal(f"{facts.memory_free / GB:.1f} GB of memory are free, which is too little")
    where = "this environment" if vllm.python is None else str(vllm.python.parent.parent)
    return EvaluationPlan(
        asked=asked,
        engine=Engine(name="vllm", packages=vllm.packages, python=vllm.python, memory_share=share),
        batch_size=VLLM_ITEMS,
        reasons=(
            why,
            f"vLLM {vllm.version} of {where} may take {share:.0%} of the memory",
        ),
    )


def _transformers(facts: Facts, asked: EngineChoice, why: str) -> EvaluationPlan:
    return EvaluationPlan(
        asked=asked,
        engine=Engine(),
        batch_size=rows(facts),
        reasons=(why, _batch_reason(facts)),
    )


def _batch_reason(facts: Facts) -> str:
    batch = rows(facts)
    if facts.numbers is None:
        return f"{batch} items at once, as wherever a model's sizes are not known"
    free = f"GB of the {facts.memory_free / GB:.1f} GB that are free"
    if facts.device == "cpu" and batch == CPU_BATCH:
        if _items(facts) <= CPU_BATCH:
            return f"{batch} items at once, as for few items on a CPU"
        more = _memory(facts, facts.numbers, _MOST_ON_CPU)
        return (
            f"{batch} items at once: {_MOST_ON_CPU} with up to {facts.sequence} tokens each would "
            f"need about {more / GB:.1f} {free}, more than half"
        )
    need = _memory(facts, facts.numbers, batch)
    return (
        f"{batch} items at once: with up to {facts.sequence} tokens each they need about "
        f"{need / GB:.1f} {free}"
    )


def _items(facts: Facts) -> int:
    """Of the longest task."""
    return max((work.items for work in facts.work), default=1)


def _fits(facts: Facts, numbers: ModelNumbers, batch: int) -> bool:
    # On a GPU the estimate is 1.4 to 1.5 times what was allocated (bench/NOTES.md): no margin
    # on top.
    share = _CPU_SHARE if facts.device == "cpu" else 1.0
    return _memory(facts, numbers, batch) <= share * facts.memory_free


def _memory(facts: Facts, numbers: ModelNumbers, batch: int) -> int:
    return evaluation_memory(numbers, sequence=facts.sequence, batch=batch).total


def _memory_share(facts: Facts) -> float | None:
    """Of the device's whole memory, in hundredths; None: not one of them is free."""
    free = facts.memory_free - _VLLM_BESIDE_BYTES
    share = min(_VLLM_MOST, int(100 * free / facts.memory_total) / 100 if facts.memory_total else 0)
    return share if share > 0 else None


def _minutes(seconds: float) -> str:
    return f"about {duration(seconds)}"


def _refusal(reason: str) -> SpecError:
    return SpecError(
        f"vllm is asked for, but {reason}",
        field="engine",
        hint=f"Run {INSTALL} (or name an environment with `pip install vllm lm-eval peft` in it "
        f"as {VARIABLE}), or take --engine auto",
    )
