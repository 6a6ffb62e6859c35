"""What the Setup screen shows: three lists with the facts that decide, and a summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ptb_lite.catalog.entries import AgentEntry, BenchmarkEntry, ModelEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.choices import EngineChoice
from ptb_lite.doctor.preflight import smallest_jobs
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.lm_tasks.task import is_lm_task
from ptb_lite.hardware import Device, MemoryEstimate
from ptb_lite.spec.presets import Preset
from ptb_lite.spec.run_spec import resolve_spec
from ptb_lite.stats.scoring import smallest_detectable_gain
from ptb_lite.text import duration, gigabytes, large, plural
from ptb_lite.tui.models.setup.choices import SetupChoices, command, overrides
from ptb_lite.tui.models.setup.engine import expected_engine
from ptb_lite.tui.models.setup.estimate import (
    PhaseTimes,
    Scored,
    evaluation_seconds,
    expected_times,
)
from ptb_lite.tui.models.setup.lines import ListLine, Mark, Summary
from ptb_lite.tui.models.setup.machine import Machine
from ptb_lite.tui.models.setup.problems import as_problem

# Where no earlier run says what the base model scores.
_GUESSED_BASE = 0.10
_BYTES_A_WEIGHT = 2


def model_lines(catalog: Catalog, machine: Machine) -> tuple[ListLine, ...]:
    """The base models, in the catalogue's order."""
    return tuple(_model(e, machine) for e in catalog.models.values() if e.role == "base")


def agent_lines(catalog: Catalog, machine: Machine) -> tuple[ListLine, ...]:
    """The agents, in the catalogue's order."""
    return tuple(_agent(entry, machine) for entry in catalog.agents.values())


def benchmark_lines(
    catalog: Catalog, machine: Machine, choices: SetupChoices, max_new_tokens: int | None = None
) -> tuple[ListLine, ...]:
    """The benchmarks, with the minutes of one evaluation of the chosen model.

    `max_new_tokens` is where the preset cuts the answers of data sets.
    """
    model = catalog.models.get(choices.text("model"))
    # A preset may name tasks of lm-eval, which are in no list.
    others = [catalog.benchmark(name) for name in choices.benchmarks if is_lm_task(name)]
    return tuple(
        _benchmark(entry, model, machine, choices, max_new_tokens)
        for entry in (*catalog.benchmarks.values(), *others)
    )


def summarise_choices(
    choices: SetupChoices,
    catalog: Catalog,
    presets: Mapping[str, Preset],
    machine: Machine,
    runs_dir: Path,
) -> Summary:
    """Memory, time, downloads and what the subset can show; or why the choices make no run."""
    try:
        chosen = overrides(choices, presets, catalog)
        shown = command(choices, chosen, runs_dir)
    except PtbLiteError as error:
        return _refused(error)
    try:
        spec = resolve_spec(preset=choices.preset, overrides=chosen, catalog=catalog)
    except PtbLiteError as error:
        return _refused(error, shown)
    model = catalog.model(spec.model)
    benchmarks = [
        _scored(entry, model, min(spec.limit or size, size), spec.max_new_tokens)
        for entry in (catalog.benchmark(name) for name in spec.benchmarks)
        for size in (entry.scored_size(spec.feedback),)
    ]
    device = machine.used(spec.device)
    lines = [("Memory", _memory(model, device, machine.problem))]
    if device is not None:
        budget = spec.budget_minutes * 60
        engine = expected_engine(spec.evaluation_engine, model, benchmarks, device, machine)
        times = expected_times(model, benchmarks, budget, device, machine.earlier, engine.plan)
        lines.append(("Time", _time(times, machine)))
        lines.append(("Engine", engine.text))
    lines.append(("Download", _download(model, machine)))
    lines.append(("Subset", _subset(model, benchmarks, machine)))
    return Summary(tuple(lines), shown, spec)


def _refused(error: PtbLiteError, shown: str = "") -> Summary:
    problem = as_problem(error)
    return Summary((), shown, problem=problem.text, field=problem.field)


def _model(entry: ModelEntry, machine: Machine) -> ListLine:
    size = large(entry.parameters)
    here = machine.models.get(entry.id)
    source = {
        None: f"from the {entry.source}",
        "here": "on this machine",
        "convert": "in its package; converted once",
        "download": f"downloads {gigabytes(entry.parameters * _BYTES_A_WEIGHT)}",
    }[here]
    gate = f"gated: {entry.licence}" if entry.gated else entry.licence
    mark, fit, full = _fit(entry, machine.device)
    if mark == "ok" and entry.gated and here == "download":
        mark = "warn"
    summary = f" {entry.summary}" if entry.summary else ""
    network = ", needs the network" if here == "download" else ", no network needed"
    return ListLine(
        entry.id,
        mark,
        f"{size}, {fit}, {'gated, ' if entry.gated else ''}{source}",
        f"{size}; {full}; {source}{network}; {gate}. {entry.title}.{summary}",
    )


def _fit(entry: ModelEntry, device: Device | None) -> tuple[Mark, str, str]:
    what, most = max(smallest_jobs(entry), key=lambda job: job[1].total)
    needed = gigabytes(most.total)
    if device is None:
        return "unknown", f"needs {needed}", f"{what} needs about {needed}"
    where = "the GPU" if device.kind == "cuda" else "this machine"
    spare = device.available_bytes - most.total
    free = f"{what} needs about {needed}, {gigabytes(device.available_bytes)} are free"
    if spare < 0:
        over = gigabytes(-spare)
        return "bad", f"{over} too big", f"{free} on {where}: {over} too much"
    return "ok", f"fits ({needed})", f"{free} on {where}: {gigabytes(spare)} to spare"


def _agent(entry: AgentEntry, machine: Machine) -> ListLine:
    state = machine.agents.get(entry.id)
    price = "paid: its provider's prices" if entry.needs_account else "free"
    if entry.backend == "local":
        price = "free on a server of your own, else its provider's prices"
    network = "needs the network" if entry.needs_network else "no network needed"
    if state is None:
        mark: Mark = "unknown"
        said = ""
    else:
        mark = "ok" if state.ready else "bad"
        said = f"{state.message}; "
    fix = f" {state.fix}." if state is not None and state.fix else ""
    short = "ready" if mark == "ok" else "not ready" if mark == "bad" else "…"
    return ListLine(
        entry.id,
        mark,
        f"{short}, {price.split(':')[0].split(' on ')[0]}, {network}",
        f"{said}{price}; {network}.{fix} {entry.title}. {entry.summary}".strip(),
    )


def _benchmark(
    entry: BenchmarkEntry,
    model: ModelEntry | None,
    machine: Machine,
    choices: SetupChoices,
    max_new_tokens: int | None,
) -> ListLine:
    typed = choices.text("limit").strip()
    size = entry.scored_size(choices.text("feedback"))
    n = min(int(typed), size) if typed.isdecimal() and int(typed) else size
    if entry.kind == "lm-eval":
        return ListLine(
            entry.id,
            "ok",
            "items counted at the start, no judge",
            f"{entry.title}: read with its dataset when the run starts; graded by lm-eval.",
        )
    judged = entry.judge is not None
    judge = "needs a judge" if judged else "no judge"
    takes = ""
    device = machine.used(choices.text("device"))
    if device is not None and model is not None:
        scored = _scored(entry, model, n, max_new_tokens)
        engine = cast(EngineChoice, choices.text("evaluation_engine"))
        plan = expected_engine(engine, model, [scored], device, machine).plan
        seconds, measured = evaluation_seconds(model, scored, device, machine.earlier, plan)
        takes = duration(seconds) + ("" if measured else " (guess)")
    each = f"; {n} of them take {takes} each time with this model" if takes else ""
    return ListLine(
        entry.id,
        "warn" if judged else "ok",
        f"{size} items, {judge}{', ' + takes if takes else ''}",
        f"{size} test items{each}; {judge}; right where {entry.scored_as}; "
        f"{entry.num_fewshot} examples few-shot. {entry.title}. {entry.summary}".strip(),
    )


def _scored(
    entry: BenchmarkEntry, model: ModelEntry, items: int, max_new_tokens: int | None
) -> Scored:
    """Answers get half of the model's context at most; of procedural ones no option cuts any."""
    longest = min(entry.max_new_tokens, model.context // 2)
    cut = max_new_tokens if entry.kind == "dataset" else None
    return Scored(entry, items, min(longest, cut or longest))


def _memory(model: ModelEntry, device: Device | None, problem: str) -> str:
    jobs = [f"{what} about {gigabytes(each.total)}" for what, each in smallest_jobs(model)]
    needs = ", ".join(jobs)
    if device is None:
        return f"{needs}; {problem or 'looking at this machine …'}"
    fits = _most(model).total <= device.available_bytes
    free = f"{gigabytes(device.available_bytes)} free"
    return f"{needs}; {free}: {'fits' if fits else 'DOES NOT FIT'}"


def _most(model: ModelEntry) -> MemoryEstimate:
    return max((each for _, each in smallest_jobs(model)), key=lambda each: each.total)


def _time(times: PhaseTimes, machine: Machine) -> str:
    runs = machine.earlier.runs
    source = (
        f"from {plural(runs, 'earlier run')} here"
        if times.measured
        else "a rough guess: no earlier run with these choices here"
    )
    return (
        f"baseline {duration(times.baseline)}, agent up to {duration(times.agent)}, "
        f"scoring {duration(times.evaluate)}, the rest {duration(times.prepare + times.rest)}: "
        f"at most about {duration(times.total)} ({source})"
    )


def _download(model: ModelEntry, machine: Machine) -> str:
    match machine.models.get(model.id):
        case "here":
            return "nothing"
        case "convert":
            return "nothing; the model is converted from its package once, about a minute"
        case "download":
            return f"{gigabytes(model.parameters * _BYTES_A_WEIGHT)} from the Hugging Face Hub"
        case None:
            return "looking …"


def _subset(model: ModelEntry, benchmarks: list[Scored], machine: Machine) -> str:
    return "; ".join(_gain(model, each.entry, each.items, machine) for each in benchmarks[:4]) + (
        f"; and {len(benchmarks) - 4} more" if len(benchmarks) > 4 else ""
    )


def _gain(model: ModelEntry, entry: BenchmarkEntry, n: int, machine: Machine) -> str:
    if entry.kind == "lm-eval":
        return f"{entry.id}: its items are counted at the start"
    known = machine.earlier.zero_shot.get((model.id, entry.id))
    base = _GUESSED_BASE if known is None else known
    gain = smallest_detectable_gain(n, base)
    source = "if the base scores" if known is None else "above the base's"
    shown = f"{100 * gain:.0f} points" if gain is not None else "none"
    return f"{entry.id}: {n} items, smallest gain they can show {shown} ({source} {base:.0%})"
