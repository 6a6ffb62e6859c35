"""What the real runs would take, told from a small one that was made here. Pure functions.

Every figure is an estimate with its assumption beside it; what the small run does not tell is None,
never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ptb_lite.catalog.entries import ModelEntry
from ptb_lite.errors import SpecError, suggestion
from ptb_lite.evaluation.engine.plan import Work, card_seconds
from ptb_lite.events import Record
from ptb_lite.stats.scoring import smallest_detectable_gain
from ptb_lite.text import duration

GPU_GB = {
    "h100": 80, "h200": 141, "h20": 96, "b200": 180, "a100": 80, "a100-40gb": 40, "a6000": 48,
    "l40s": 48, "l4": 24, "a10g": 24, "v100": 32, "rtx5090": 32, "rtx4090": 24, "rtx3090": 24,
}  # fmt: skip
"""Memory of the GPUs that a plan may name, in GB."""
ROWS = 128
"""Items that are answered at once on such a GPU, as an evaluation takes them."""
_ALPHA = 0.05
_ROOM = 0.8
_BF16 = 2


@dataclass(frozen=True)
class Task:
    """A benchmark of the run. `items` are all that a real run scores, `answer` the most tokens of
    one answer, `base` the zero-shot score measured here in [0, 1]."""

    id: str
    items: int
    answer: int
    base: float | None


@dataclass(frozen=True)
class Small:
    """The run that was made. Seconds; `other_seconds` are those of preparing, sealing, audit and
    report. `run_bytes` is what its folder takes. Tokens are None where the agent told none."""

    parameters: int
    agent_seconds: float
    other_seconds: float
    run_bytes: int
    tasks: tuple[Task, ...]
    input_tokens: float | None = None
    output_tokens: float | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Real:
    """The runs that are planned: one for each seed. `price` is dollars for an hour of the GPU."""

    model: ModelEntry
    gpu: str
    hours: float
    seeds: int
    price: float | None = None


class TaskScale(Record):
    """`seconds` is one pass over all items; `smallest_gain` in [0, 1] is what one run can show over
    zero-shot, `smallest_gain_seeds` what all together can at best (power 80 %)."""

    id: str
    items: int
    seconds: float
    smallest_gain: float | None
    smallest_gain_seeds: float | None


class Scale(Record):
    """`hours` is one run's wall time on one GPU, the others are of all seeds together."""

    version: int = 1
    model: str
    gpu: str
    seeds: int
    hours: float
    gpu_hours: float
    money: float | None
    tasks: tuple[TaskScale, ...]
    disk_bytes: int
    input_tokens: float | None
    output_tokens: float | None
    agent_cost: float | None
    smallest_p: float
    """The smallest p that a permutation test of two arms with so many seeds each can give."""
    assumptions: tuple[str, ...]


def scale(small: Small, real: Real) -> Scale:
    """Raises SpecError for a GPU that is not known, or that the model does not fit."""
    weights = _BF16 * real.model.parameters
    room = GPU_GB.get(real.gpu)
    if room is None:
        raise SpecError(
            f"'{real.gpu}' is not known", field="gpu", hint=suggestion(real.gpu, GPU_GB)
        )
    if weights > _ROOM * room * 1e9:
        raise SpecError(
            f"{real.model.id} takes {weights / 1e9:.0f} GB in bfloat16, a {real.gpu} has {room} GB",
            field="gpu",
            hint="Name one with more memory",
        )
    tasks = tuple(_task(task, real) for task in small.tasks)
    # Zero-shot and few-shot once, since their baseline is kept; the submission in every run.
    once, every = 2 * sum(task.seconds for task in tasks), sum(task.seconds for task in tasks)
    one = real.hours * 3600 + once + every + small.other_seconds
    seconds = real.seeds * (one - once) + once
    larger = real.model.parameters / small.parameters
    used = real.seeds * real.hours * 3600 / small.agent_seconds if small.agent_seconds else None
    return Scale(
        model=real.model.id,
        gpu=real.gpu,
        seeds=real.seeds,
        hours=one / 3600,
        gpu_hours=seconds / 3600,
        money=None if real.price is None else seconds / 3600 * real.price,
        tasks=tasks,
        disk_bytes=round(weights + real.seeds * small.run_bytes * max(1.0, larger)),
        input_tokens=_times(small.input_tokens, used),
        output_tokens=_times(small.output_tokens, used),
        agent_cost=_times(small.cost, used),
        smallest_p=min(1.0, 2 / math.comb(2 * real.seeds, real.seeds)),
        assumptions=_assumptions(small, real),
    )


def scale_lines(found: Scale) -> Iterator[str]:
    """For a person; the assumptions stand below."""
    runs = "1 run" if found.seeds == 1 else f"{found.seeds} runs (seeds)"
    yield f"{runs} of {found.model} on one {found.gpu} each"
    yield f"  a run         {duration(found.hours * 3600)}"
    yield f"  GPU-hours     {found.gpu_hours:.1f}"
    money = "no price of this GPU" if found.money is None else f"${found.money:,.2f}"
    yield f"  GPU's money   {money}"
    yield f"  agent         {_agent(found)}"
    yield f"  disk          {found.disk_bytes / 1e9:.1f} GB"
    for task in found.tasks:
        yield f"  {task.id}: {task.items} items, {duration(task.seconds)} a pass; {_gain(task)}"
    yield f"  between arms  {_between(found)}"
    yield "assumed:"
    for each in found.assumptions:
        yield f"  - {each}"


def _task(task: Task, real: Real) -> TaskScale:
    def gain(n: int) -> float | None:
        known = task.base is not None and n > 0
        return smallest_detectable_gain(n, task.base) if known and task.base is not None else None

    return TaskScale(
        id=task.id,
        items=task.items,
        seconds=card_seconds(Work(task.items, task.answer), real.model.layers, ROWS),
        smallest_gain=gain(task.items),
        smallest_gain_seeds=gain(task.items * real.seeds),
    )


def _times(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor


def _agent(found: Scale) -> str:
    if found.input_tokens is None and found.output_tokens is None:
        return "it told no tokens here"
    tokens = f"{found.input_tokens or 0:,.0f} tokens read, {found.output_tokens or 0:,.0f} written"
    return (
        f"{tokens}, {'no price known' if found.agent_cost is None else f'${found.agent_cost:,.2f}'}"
    )


def _gain(task: TaskScale) -> str:
    if task.smallest_gain is None:
        return "no gain can be shown with so few items"
    one = f"a run shows gains from {100 * task.smallest_gain:.1f} points"
    if task.smallest_gain_seeds is None or task.smallest_gain_seeds == task.smallest_gain:
        return one
    return f"{one}, all runs at best from {100 * task.smallest_gain_seeds:.1f}"


def _between(found: Scale) -> str:
    if found.smallest_p > _ALPHA:
        needed = next(k for k in range(2, 20) if 2 / math.comb(2 * k, k) <= _ALPHA)
        return (
            f"with {found.seeds} seeds in each of two arms the permutation test's smallest p is "
            f"{found.smallest_p:.2f}: no difference can be shown; {needed} seeds can"
        )
    return f"the permutation test of two such arms can go down to p = {found.smallest_p:.3g}"


def _assumptions(small: Small, real: Real) -> tuple[str, ...]:
    found: Sequence[str] = (
        f"the agent uses the whole {real.hours:g} h",
        "evaluation by transformers as measured on an H200, every batch of "
        f"{ROWS} waiting for its longest answer; vLLM is 6 to 12 times as fast there",
        "the baselines are measured once and kept for the other seeds",
        "preparing, sealing, audit and report take as long as they did here",
        "disk: the base model once, and a run's folder larger as the model is; checkpoints "
        "that an agent keeps come on top",
        f"tokens and cost go on at the pace of the {duration(small.agent_seconds)} used here",
        "gains: two-sided 5 %, power 80 %, McNemar, the zero-shot score as it was here, answers "
        "before and after independent; the seeds together at best, as though each had items of "
        "its own",
    )
    return tuple(found)
