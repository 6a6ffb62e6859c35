"""`ptb-lite run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.choices import Device, Disclosure, EarlyStop, Feedback, Network, Policy, SandboxName
from ptb_lite.cli.options import RUNS, Json, Plain, RunsDir


def run(
    preset: Annotated[
        str | None, typer.Option(help="A preset (`ptb-lite list presets`) or your own YAML file.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The base model.")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent that post-trains it.")] = None,
    agent_model: Annotated[
        str | None, typer.Option(help="The language model behind the agent; local: NAME@URL.")
    ] = None,
    benchmark: Annotated[
        list[str] | None, typer.Option(help="What to be good at; give it again for more.")
    ] = None,
    hours: Annotated[float | None, typer.Option(help="The agent's time, up to 168.")] = None,
    minutes: Annotated[float | None, typer.Option(help="The agent's time, in minutes.")] = None,
    startup_minutes: Annotated[
        float | None, typer.Option(help="How long the agent may give no sign of life.")
    ] = None,
    on_early_stop: Annotated[
        EarlyStop | None,
        typer.Option(help="What to do when the agent ends early: accept, or ask it to go on."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Test items per benchmark; all where left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Decides items, shots and training.")] = None,
    policy: Annotated[
        Policy | None, typer.Option(help="What a flag does to the score: back to the base, or not.")
    ] = None,
    disclosure: Annotated[
        Disclosure | None, typer.Option(help="What the agent is told of rules and audit.")
    ] = None,
    feedback: Annotated[
        Feedback | None,
        typer.Option(help="The split whose score the agent may see; test is the paper's."),
    ] = None,
    sandbox: Annotated[SandboxName | None, typer.Option(help="The agent's isolation.")] = None,
    network: Annotated[Network | None, typer.Option(help="The agent's network.")] = None,
    device: Annotated[Device | None, typer.Option(help="Where models run.")] = None,
    runs_dir: RunsDir = RUNS,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start it, print its id, and return at once.")
    ] = False,
    plain: Plain = False,
    as_json: Json = False,
) -> None:
    """Give an agent a base model and a time box.

    What it makes is audited and scored beside prompting alone.

    On a terminal the app shows it; elsewhere, and with --plain, progress is printed as plain
    lines. With --json the only thing on standard output is the
    content of scores.json. Closing the terminal or Ctrl-C does not end the run.

    Exit codes: 0 done, 1 run failed, 2 bad usage or spec, 3 flagged, 4 inconclusive.
    """
    from ptb_lite.cli.start import start

    start(
        preset=preset,
        overrides={
            "model": model,
            "agent": agent,
            "agent_model": agent_model,
            "benchmarks": tuple(benchmark) if benchmark else None,
            "hours": hours,
            "minutes": minutes,
            "startup_minutes": startup_minutes,
            "on_early_stop": on_early_stop,
            "limit": limit,
            "seed": seed,
            "policy": policy,
            "disclosure": disclosure,
            "feedback": feedback,
            "sandbox": sandbox,
            "network": network,
            "device": device,
        },
        runs_dir=Path(runs_dir),
        detach=detach,
        plain=plain,
        as_json=as_json,
    )
