"""`ptb-lite scale`: what the real runs would take after a small one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ptb_lite.cli.common.options import RUNS, Json, RunId, RunsDir

if TYPE_CHECKING:
    from ptb_lite.catalog.loader import Catalog
    from ptb_lite.runs.figures.scale import Small, Task
    from ptb_lite.runs.folder import RunFolder

PRICES = "prices.yaml"


def scale(
    run: RunId,
    model: Annotated[str | None, typer.Option(help="The base model; else the run's.")] = None,
    gpu: Annotated[str, typer.Option(help="The GPU, such as h100 or rtx4090.")] = "h100",
    hours: Annotated[float, typer.Option(min=0.01, max=168, help="The agent's time.")] = 10.0,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Runs, one for each seed.")] = 3,
    price: Annotated[
        float | None,
        typer.Option(min=0, help="Dollars an hour; else `gpu: {NAME: DOLLARS}` of prices.yaml."),
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Say what the real runs would take: hours, money, disk, tokens, and what they can show.

    From a finished run, with every assumption beside the figures.
    """
    from ptb_lite.catalog.loader import load_catalog
    from ptb_lite.cli.common.output import say, say_json
    from ptb_lite.runs.figures.scale import Real, scale_lines
    from ptb_lite.runs.figures.scale import scale as scaled
    from ptb_lite.runs.folder import find_run

    catalog = load_catalog()
    found = find_run(runs_dir, run)
    wanted = model or found.read_spec().model
    name = gpu.lower()
    given = price if price is not None else _price(name)
    result = scaled(_small(found, catalog), Real(catalog.model(wanted), name, hours, seeds, given))
    if as_json:
        say_json(result.model_dump(mode="json"))
        return
    for line in scale_lines(result):
        say(line)


def _small(run: RunFolder, catalog: Catalog) -> Small:
    """What the run's files say. Raises PtbLiteError where it has no scores, or a damaged one."""
    from ptb_lite.errors import PtbLiteError
    from ptb_lite.runner.agent.limits import sizes
    from ptb_lite.runs.figures.agent_use import read_agent_use
    from ptb_lite.runs.figures.scale import Small

    spec, scores = run.read_spec(), run.read_scores()
    if scores is None:
        raise PtbLiteError(
            "has no scores", field=run.run_id, hint="Finish it first: `ptb-lite resume`"
        )
    used = read_agent_use(run.journal)
    phases = scores.time.phases
    return Small(
        parameters=catalog.model(spec.model).parameters,
        agent_seconds=scores.time.agent_seconds,
        other_seconds=sum(phases.get(name, 0.0) for name in ("prepare", "seal", "audit", "report")),
        run_bytes=sum(sizes(run.path)),
        tasks=tuple(_tasks(run, catalog)),
        input_tokens=used.input_tokens or None,
        output_tokens=used.output_tokens or None,
        cost=used.cost_usd,
    )


def _tasks(run: RunFolder, catalog: Catalog) -> list[Task]:
    from ptb_lite.evaluation.evaluate_model import answer_length
    from ptb_lite.runs.figures.scale import Task

    spec, scores = run.read_spec(), run.read_scores()
    measured = {each.benchmark: each.zero_shot for each in scores.benchmarks} if scores else {}
    tasks = []
    for name in spec.benchmarks:
        entry, zero_shot = catalog.benchmark(name), measured.get(name)
        items = max(entry.scored_size(spec.feedback), zero_shot.n if zero_shot else 0)
        base = zero_shot.score if zero_shot else None
        tasks.append(Task(name, items, answer_length(entry, None), base))
    return tasks


def _price(gpu: str) -> float | None:
    """Of a person's own table. Raises CatalogError where it is no number."""
    from ptb_lite.catalog.yaml_file import read_yaml
    from ptb_lite.errors import CatalogError
    from ptb_lite.installation import config_root

    path = config_root() / PRICES
    if not path.is_file():
        return None
    file = read_yaml(path)
    table = file.values.get("gpu", {})
    value = table.get(gpu) if isinstance(table, dict) else table
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise CatalogError("is not a price in dollars an hour", field=file.where(["gpu", gpu]))
    return float(value)
