"""What the Setup screen shows: three lists with the facts that decide, and a summary."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ptb_lite.catalog.entries import AgentEntry, BenchmarkEntry, ModelEntry
from ptb_lite.catalog.loader import Catalog
from ptb_lite.choices import EngineChoice
from ptb_lite.errors import PtbLiteError
from ptb_lite.evaluation.lm_tasks.task import is_lm_task
from ptb_lite.spec.presets import Preset
from ptb_lite.spec.run_spec import choice_problems, resolve_spec
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
from ptb_lite.tui.models.setup.lines import ListLine, Mark, Summary, TimePart
from ptb_lite.tui.models.setup.machine import Machine
from ptb_lite.tui.models.setup.memory import fit, memory_figure, memory_text, most_memory
from ptb_lite.tui.models.setup.problems import as_problem
from ptb_lite.tui.models.setup.steps import speed_word, steps_of, steps_text

# Where no earlier run says what the base model scores.
_GUESSED_BASE = 0.10
_BYTES_A_WEIGHT = 2
# Seconds of evaluation that nobody minds.
_LONG = 3600.0


_RED_TEAM = "red team"


def model_lines(
    catalog: Catalog, machine: Machine, choices: SetupChoices | None = None
) -> tuple[ListLine, ...]:
    """The base models, in the catalogue's order, with the speed of training with the choices."""
    return tuple(
        _model(entry, catalog, machine, choices or SetupChoices())
        for entry in catalog.models.values()
        if entry.role == "base"
    )


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
        spec = resolve_spec(preset=choices.preset, overrides=chosen, catalog=catalog, strict=False)
    except PtbLiteError as error:
        return _refused(error, shown)
    model = catalog.model(spec.model)
    scored = [
        _scored(entry, model, min(spec.limit or size, size), spec.max_new_tokens)
        for entry in (catalog.benchmark(name) for name in spec.measured)
        for size in (entry.scored_size(spec.feedback),)
    ]
    benchmarks, others = scored[: len(spec.benchmarks)], scored[len(spec.benchmarks) :]
    device = machine.used(spec.device)
    figures = [("Memory", memory_figure(model, device))]
    parts: tuple[TimePart, ...] = ()
    lines = [("Memory", memory_text(model, device, machine.problem))]
    if device is not None:
        budget = spec.budget_minutes * 60
        engine = expected_engine(spec.evaluation_engine, model, benchmarks, device, machine)
        times = expected_times(
            model, benchmarks, budget, device, machine.earlier, engine.plan, others
        )
        lines.append(("Time", _time(times, machine)))
        lines.append(("Engine", engine.text))
        figures.insert(0, ("Time", _time_figure(times)))
        parts = _parts(times)
    lines.append(("Download", _download(model, machine)))
    lines.append(("Subset", _subset(model, benchmarks, machine)))
    figures.append(("Shows gains", _gains(model, benchmarks, machine)))
    refused = tuple(as_problem(error) for error in choice_problems(spec, catalog))
    return Summary(tuple(lines), shown, spec, refused, tuple(figures), parts)


def _time_figure(times: PhaseTimes) -> str:
    """The whole time; marked where the evaluations dwarf what the agent is given."""
    besides = times.total - times.agent
    mark = " !" if besides > max(_LONG, 3 * times.agent) else ""
    return f"{duration(times.total)}{'' if times.measured else ' (guess)'}{mark}"


def _parts(times: PhaseTimes) -> tuple[TimePart, ...]:
    return (
        TimePart("baseline", times.prepare + times.baseline),
        TimePart("agent", times.agent),
        TimePart("scoring", times.evaluate + times.rest),
    )


def _gains(model: ModelEntry, benchmarks: list[Scored], machine: Machine) -> str:
    """The smallest gains in points that the items can show, over all benchmarks."""
    found = [_smallest(model, each.entry, each.items, machine)[0] for each in benchmarks]
    if any(gain is None for gain in found):
        return "none" if all(gain is None for gain in found) else "not of every benchmark"
    points = sorted({round(100 * gain) for gain in found if gain is not None})
    least = f"{points[0]}" if len(points) == 1 else f"{points[0]} to {points[-1]}"
    return f"≥ {least} points"


def _refused(error: PtbLiteError, shown: str = "") -> Summary:
    return Summary((), shown, refused=tuple(as_problem(each) for each in error.each()))


def _model(
    entry: ModelEntry, catalog: Catalog, machine: Machine, choices: SetupChoices
) -> ListLine:
    size = large(entry.parameters)
    here = machine.models.get(entry.id)
    source = {
        None: f"from the {entry.source}",
        "here": "on this machine",
        "convert": "in its package; converted once",
        "download": f"downloads {gigabytes(entry.parameters * _BYTES_A_WEIGHT)}",
    }[here]
    gate = f"gated: {entry.licence}" if entry.gated else entry.licence
    mark, fits, full = fit(entry, machine.device)
    if mark == "ok" and entry.gated and here == "download":
        mark = "warn"
    summary = f" {entry.summary}" if entry.summary else ""
    network = ", needs the network" if here == "download" else ", no network needed"
    steps = steps_of(entry, catalog, choices, machine)
    speed = speed_word(steps)
    shown = "big" if mark == "bad" else speed
    pace = f"about {steps_text(steps)} in the time box; " if steps is not None else ""
    if mark == "ok" and speed == "no":
        mark = "warn"
    return ListLine(
        entry.id,
        mark,
        f"{size}, {fits}, {'gated, ' if entry.gated else ''}{source}",
        f"{size}; {pace}{full}; {source}{network}; {gate}. {entry.title}.{summary}",
        (f"{most_memory(entry) / 1e9:.1f}", shown),
    )


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
        ("missing" if mark == "bad" else _kind(entry),),
        _RED_TEAM if entry.red_team else "",
    )


def _kind(entry: AgentEntry) -> str:
    if not entry.has_model:
        return "no LLM"
    return "account" if entry.needs_account else "server"


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
    here = entry.data is None or bool(choices.text("data_dir")) or machine.data.get(entry.id, True)
    away = "" if here else "; its data are not here: the Hub has them, or name a data folder"
    warns = (judged and not choices.text("judge").strip()) or not here
    each = f"; {n} of them take {takes} each time with this model" if takes else ""
    return ListLine(
        entry.id,
        "warn" if warns else "ok",
        f"{size} items, {judge}{', ' + takes if takes else ''}",
        f"{size} test items{each}{away}; {judge}; right where {entry.scored_as}; "
        f"{entry.num_fewshot} examples few-shot. {entry.title}. {entry.summary}".strip(),
        ("no data" if not here else "judge" if judged else takes.split(" (")[0],),
    )


def _scored(
    entry: BenchmarkEntry, model: ModelEntry, items: int, max_new_tokens: int | None
) -> Scored:
    """Answers get half of the model's context at most; of procedural ones no option cuts any."""
    longest = min(entry.max_new_tokens, model.context // 2)
    cut = max_new_tokens if entry.kind == "dataset" else None
    return Scored(entry, items, min(longest, cut or longest))


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
    gain, base, known = _smallest(model, entry, n, machine)
    source = "above the base's" if known else "if the base scores"
    shown = f"{100 * gain:.0f} points" if gain is not None else "none"
    items = f"{entry.id}: {plural(n, 'item')}"
    return f"{items}, smallest gain they can show {shown} ({source} {base:.0%})"


def _smallest(
    model: ModelEntry, entry: BenchmarkEntry, n: int, machine: Machine
) -> tuple[float | None, float, bool]:
    """The smallest gain, above which base score, and whether that was measured here."""
    known = machine.earlier.zero_shot.get((model.id, entry.id))
    base = _GUESSED_BASE if known is None else known
    return smallest_detectable_gain(n, base), base, known is not None
