"""`eval`, `audit` and `doctor`: one part of the job on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.cli.options import Json


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's id, or its folder.")],
    benchmark: Annotated[list[str], typer.Option(help="Give it again for more.")],
    adapter: Annotated[Path | None, typer.Option(help="A PEFT adapter to put on it.")] = None,
    shots: Annotated[int, typer.Option(min=0, help="Solved examples in the prompt.")] = 0,
    limit: Annotated[int | None, typer.Option(help="Test items; all where left out.")] = None,
    seed: Annotated[int, typer.Option(help="Decides items and shots.")] = 0,
    as_json: Json = False,
) -> None:
    """Score a model on benchmarks, without an agent."""
    raise NotImplementedError


def audit(
    folder: Annotated[Path, typer.Argument(help="A run's folder, a workspace, any folder.")],
    as_json: Json = False,
) -> None:
    """Look for signs of cheating in a folder.

    Exit codes: 0 clean, 2 bad usage, 3 flagged, 4 inconclusive.
    """
    raise NotImplementedError


def doctor(as_json: Json = False) -> None:
    """Check what this machine has, and what it lacks."""
    raise NotImplementedError
