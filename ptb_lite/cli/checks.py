"""`eval`, `audit` and `doctor`: one part of the job on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.choices import Device
from ptb_lite.cli.options import RUNS, Json, RunsDir


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's id, or its folder.")],
    benchmark: Annotated[list[str], typer.Option(help="What to score it on; again for more.")],
    adapter: Annotated[
        Path | None, typer.Option(help="A PEFT adapter's folder, put on the model.")
    ] = None,
    shots: Annotated[int, typer.Option(help="Solved examples in the prompt, up to 64.")] = 0,
    limit: Annotated[
        int | None, typer.Option(help="Test items per benchmark; all where left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides items and shots, as in a run.")] = 0,
    device: Annotated[Device, typer.Option(help="Where the model runs.")] = "auto",
    as_json: Json = False,
) -> None:
    """Score a model on benchmarks, without an agent.

    The test items are those of a run with the same seed on this installation.

    Exit codes: 0 done, 1 the evaluation failed, 2 bad usage.
    """
    from ptb_lite.cli.evaluate import EvalChoices, evaluate_and_print

    choices = EvalChoices(
        model=model,
        benchmarks=tuple(benchmark),
        adapter=adapter,
        shots=shots,
        limit=limit,
        seed=seed,
        device=device,
    )
    raise typer.Exit(evaluate_and_print(choices, as_json=as_json))


def audit(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Any folder, or a run as in `show`.")
    ],
    items: Annotated[
        list[Path] | None,
        typer.Option(help="Test items as JSON lines (id, question, target) to look for."),
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Look for signs of cheating in a folder.

    Nothing is written. Of a run's folder, the run's own test items and hand-over are known.

    Exit codes: 0 clean, 2 bad usage, 3 flagged, 4 inconclusive.
    """
    from ptb_lite.cli.audit import audit_and_print

    raise typer.Exit(
        audit_and_print(folder, tuple(items or ()), runs_dir=runs_dir, as_json=as_json)
    )


def doctor(
    online: Annotated[bool, typer.Option("--online", help="Ask the Hub as well.")] = False,
    call: Annotated[
        str | None,
        typer.Option(metavar="AGENT", help="Ask this agent's model for one word as well."),
    ] = None,
    agent_model: Annotated[
        str | None, typer.Option(help="The language model to call, as in a run.")
    ] = None,
    runs_dir: RunsDir = RUNS,
    as_json: Json = False,
) -> None:
    """Check what this machine has, and what it lacks.

    Exit codes: 0 nothing fails, 1 something does.
    """
    from ptb_lite.cli.doctor import check_and_print

    raise typer.Exit(
        check_and_print(
            runs_dir, online=online, call=call, agent_model=agent_model, as_json=as_json
        )
    )
