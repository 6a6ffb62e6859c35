"""`ptb-lite run`: its options are the choices of a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ptb_lite.cli.common.options import (
    RUNS,
    Json,
    JudgeAnswer,
    JudgeKey,
    JudgePrices,
    JudgeSpend,
    JudgeTokens,
    Plain,
    RunsDir,
    option_of,
)
from ptb_lite.spec.choices import Choice, run_choices

# Options that are no choice by themselves stand after the one that they belong to.
_BESIDE: dict[str, dict[str, Any]] = {
    "budget_minutes": {
        "hours": Annotated[float | None, typer.Option(help="The agent's time, up to 168.")]
    },
    "judge": {
        "judge_key": JudgeKey,
        "judge_max_tokens": JudgeTokens,
        "judge_answer_tokens": JudgeAnswer,
        "judge_max_spend": JudgeSpend,
        "judge_prices": JudgePrices,
    },
}


def run(
    *,
    preset: Annotated[
        str | None, typer.Option(help="A preset (`ptb-lite list presets`) or your own YAML file.")
    ] = None,
    runs_dir: RunsDir = RUNS,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start it, print its id, and return at once.")
    ] = False,
    on: Annotated[
        str, typer.Option("--on", help="Where: local, slurm, or a name of launchers.yaml.")
    ] = "local",
    foreground: Annotated[
        bool,
        typer.Option("--foreground", help="Be the runner: end with it, and end it when ended."),
    ] = False,
    plain: Plain = False,
    as_json: Json = False,
    **chosen: Any,
) -> None:
    """Give an agent a base model and a time box.

    What it makes is audited and scored beside prompting alone.

    On a terminal the app shows it; elsewhere, and with --plain, progress is printed as plain
    lines. With --json the only thing on standard output is the
    content of scores.json. Closing the terminal or Ctrl-C does not end the run.

    With --foreground the run belongs to this command: SIGTERM ends the agent, and what it had
    submitted is sealed and scored; Ctrl-C as well.

    Exit codes: 0 done, 1 run failed, 2 bad usage or spec, 3 flagged, 4 inconclusive.
    """
    from ptb_lite.cli.start import start

    start(
        preset=preset,
        overrides=_overrides(chosen),
        runs_dir=Path(runs_dir),
        detach=detach,
        on=on,
        foreground=foreground,
        plain=plain,
        as_json=as_json,
    )


def command() -> Callable[..., None]:
    """`run` with one option for each choice, in the order in which they are declared."""
    own = inspect.signature(run, eval_str=True).parameters
    options: dict[str, Any] = {}
    for choice in run_choices():
        options[choice.name] = option_of(choice)
        options |= _BESIDE.get(choice.name, {})
    fixed = {name: each for name, each in own.items() if name != "chosen"}
    first = fixed.pop("preset")
    generated = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in options.items()
    ]
    parameters = [first, *generated, *fixed.values()]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _overrides(chosen: dict[str, Any]) -> dict[str, object]:
    """The options as `resolve_spec` takes them."""
    from ptb_lite.evaluation.judge.choice import judge_choice

    judge = judge_choice(
        chosen["judge"],
        key_variable=chosen["judge_key"],
        max_tokens=chosen["judge_max_tokens"],
        answer_tokens=chosen["judge_answer_tokens"],
        max_spend=chosen["judge_max_spend"],
        prices=chosen["judge_prices"],
    )
    given = {choice.name: _given(choice, chosen[choice.name]) for choice in run_choices()}
    return {
        **given,
        "budget_minutes": None,
        "minutes": chosen["budget_minutes"],
        "hours": chosen["hours"],
        "judge": judge,
    }


def _given(choice: Choice, value: Any) -> object:
    """None: not chosen. A folder counts from where the command was typed."""
    if isinstance(value, list):
        return tuple(_given(choice, each) for each in value) or None
    if isinstance(value, Path):
        return value.absolute()
    return None if choice.type is bool and not value else value
