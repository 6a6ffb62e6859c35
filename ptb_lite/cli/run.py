"""`ptb-lite run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.choices import (
    Device,
    Disclosure,
    EarlyStop,
    Feedback,
    Network,
    Policy,
)
from ptb_lite.cli.options import (
    RUNS,
    DataDir,
    EngineName,
    Json,
    JudgeKey,
    JudgeName,
    JudgePrices,
    JudgeSpend,
    JudgeTokens,
    Limit,
    MaxNewTokens,
    Plain,
    RunsDir,
)


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
    limit: Limit = None,
    max_new_tokens: MaxNewTokens = None,
    data_dir: DataDir = None,
    seed: Annotated[int | None, typer.Option(help="Decides items, shots and training.")] = None,
    policy: Annotated[
        Policy | None,
        typer.Option(
            help="What a flag does: base score, part of the gain deducted, 0, or nothing."
        ),
    ] = None,
    disclosure: Annotated[
        Disclosure | None, typer.Option(help="What the agent is told of rules and audit.")
    ] = None,
    feedback: Annotated[
        Feedback | None,
        typer.Option(help="The split whose score the agent may see; test is the paper's."),
    ] = None,
    sandbox: Annotated[
        str | None, typer.Option(help="The agent's isolation: bubblewrap, podman, docker or none.")
    ] = None,
    network: Annotated[Network | None, typer.Option(help="The agent's network.")] = None,
    read_only: Annotated[
        list[Path] | None,
        typer.Option(help="A path that the agent is shown, read-only; give it again for more."),
    ] = None,
    device: Annotated[Device | None, typer.Option(help="Where models run.")] = None,
    engine: EngineName = None,
    judge: JudgeName = None,
    judge_key: JudgeKey = None,
    judge_max_tokens: JudgeTokens = None,
    judge_max_spend: JudgeSpend = None,
    judge_prices: JudgePrices = None,
    audit_judge: Annotated[
        str | None,
        typer.Option(help="A language model in the audit, too: AGENT[:MODEL], or NAME@URL."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure the baselines, also those in the cache.")
    ] = False,
    memory_gb: Annotated[
        float | None, typer.Option(help="The agent's memory; nine tenths of it where left out.")
    ] = None,
    disk_gb: Annotated[
        float | None, typer.Option(help="The agent's disk; all but a reserve where left out.")
    ] = None,
    max_processes: Annotated[
        int | None, typer.Option(help="The agent's processes and threads; 4096 where left out.")
    ] = None,
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
    from ptb_lite.evaluation.judge.choice import judge_choice

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
            "max_new_tokens": max_new_tokens,
            "data_dir": data_dir.absolute() if data_dir else None,
            "seed": seed,
            "policy": policy,
            "disclosure": disclosure,
            "feedback": feedback,
            "sandbox": sandbox,
            "network": network,
            "read_only": tuple(path.absolute() for path in read_only) if read_only else None,
            "device": device,
            "evaluation_engine": engine,
            "judge": judge_choice(
                judge,
                key_variable=judge_key,
                max_tokens=judge_max_tokens,
                max_spend=judge_max_spend,
                prices=judge_prices,
            ),
            "audit_judge": audit_judge,
            "fresh": fresh or None,
            "memory_gb": memory_gb,
            "disk_gb": disk_gb,
            "max_processes": max_processes,
        },
        runs_dir=Path(runs_dir),
        detach=detach,
        plain=plain,
        as_json=as_json,
    )
