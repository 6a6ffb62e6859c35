"""`ptb-lite list`: what there is to choose from."""

from __future__ import annotations

from typing import Annotated

import typer

from ptb_lite.cli.common.options import Json

# About where small base models begin; the higher the base, the larger the gain must be.
_BASE = 0.1
app = typer.Typer(help="Show what there is to choose from.", rich_markup_mode=None)


@app.command("models")
def models(as_json: Json = False) -> None:
    """The models, with size, licence and where they come from."""
    from ptb_lite.catalog import load_catalog
    from ptb_lite.cli.common.output import say_json, say_table

    entries = load_catalog().models.values()
    if as_json:
        say_json([entry.model_dump(mode="json") for entry in entries])
        return
    say_table(
        ("ID", "ROLE", "PARAMETERS", "VOCABULARY", "LICENCE", "FROM", "INSTRUCT COUNTERPART"),
        [
            (
                entry.id,
                entry.role,
                f"{entry.parameters / 1e6:.0f} M",
                entry.vocabulary,
                entry.licence + (" (gated)" if entry.gated else ""),
                entry.source,
                entry.instruct or "-",
            )
            for entry in entries
        ],
    )


@app.command("agents")
def agents(as_json: Json = False) -> None:
    """The agent backends, and what each needs."""
    from ptb_lite.catalog import load_catalog
    from ptb_lite.catalog.loader import agent_plugins
    from ptb_lite.cli.common.output import say_error, say_json, say_table

    entries = load_catalog().agents.values()
    for broken in agent_plugins()[1]:
        say_error(f"note: {broken.message}")
    if as_json:
        say_json([entry.model_dump(mode="json") for entry in entries])
        return
    say_table(
        ("ID", "ACCOUNT", "NETWORK", "TITLE"),
        [
            (
                entry.id,
                "needed" if entry.needs_account else "no",
                "needed" if entry.needs_network else "no",
                entry.title,
            )
            for entry in entries
        ],
    )


@app.command("plugins")
def plugins(as_json: Json = False) -> None:
    """What can be extended: every plugin, the package that it is from, and what is broken."""
    from dataclasses import asdict

    from ptb_lite.cli.common.output import say_json, say_table
    from ptb_lite.doctor.plugins import installed_plugins

    found = tuple(installed_plugins())
    if as_json:
        say_json([asdict(one) for one in found])
        return
    say_table(
        ("KIND", "ID", "PACKAGE", "PROBLEM"),
        [(one.kind, one.id, one.package, one.problem or "-") for one in found],
    )


@app.command("benchmarks")
def benchmarks(
    limit: Annotated[
        int | None, typer.Option(min=1, help="GAIN for so many items; all where left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The benchmarks, with the sizes of their splits.

    GAIN is the smallest gain in points, from a base of 10 %, that so many test items show in 80 of
    100 runs (McNemar, two-sided 5 %); with a judge's points it is at most that.
    """
    from ptb_lite.catalog import load_catalog
    from ptb_lite.catalog.loader import benchmark_plugins
    from ptb_lite.cli.common.output import say_error, say_json, say_table
    from ptb_lite.stats.scoring import smallest_detectable_gain

    entries = load_catalog().benchmarks.values()
    for broken in benchmark_plugins()[1]:
        say_error(f"note: {broken.message}")
    gains = {
        entry.id: smallest_detectable_gain(min(limit or entry.test_size, entry.test_size), _BASE)
        for entry in entries
    }
    if as_json:
        say_json(
            [
                {**entry.model_dump(mode="json"), "smallest_gain_from_10": gains[entry.id]}
                for entry in entries
            ]
        )
        return
    say_table(
        ("ID", "TRAIN", "DEV", "TEST", "SHOTS", "GAIN", "JUDGE", "SCORED AS", "TITLE"),
        [
            (
                entry.id,
                entry.train_size,
                entry.dev_size,
                entry.test_size,
                entry.num_fewshot,
                "none" if (gain := gains[entry.id]) is None else f"{100 * gain:.1f}",
                "needed" if entry.judge else "-",
                entry.scored_as,
                entry.title,
            )
            for entry in entries
        ],
    )


@app.command("presets")
def presets(as_json: Json = False) -> None:
    """The presets, with the GPU memory that each needs."""
    from ptb_lite.cli.common.output import say_json, say_table
    from ptb_lite.spec.presets import load_presets

    entries = load_presets().values()
    if as_json:
        say_json([entry.model_dump(mode="json") for entry in entries])
        return
    say_table(
        ("ID", "GPU", "TIME", "MODEL", "AGENT", "BENCHMARKS", "TITLE"),
        [
            (
                entry.id,
                f"{entry.min_gpu_gb:g} GB" if entry.min_gpu_gb else "none",
                f"{entry.budget_minutes:g} min",
                entry.model,
                entry.agent,
                ", ".join(entry.benchmarks),
                entry.title,
            )
            for entry in entries
        ],
    )
