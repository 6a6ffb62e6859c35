"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ptb_lite.choices import EngineChoice
from ptb_lite.cli.defaults import RUNS as RUNS

RunsDir = Annotated[
    Path,
    typer.Option(
        "--runs-dir", envvar="PTB_LITE_RUNS", show_envvar=True, help="The folder of the runs."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id, its beginning or end, its folder, or `last`."),
]
Limit = Annotated[int | None, typer.Option(help="Test items per benchmark; all where left out.")]
MaxNewTokens = Annotated[
    int | None, typer.Option(help="Cuts answers of dataset benchmarks short, in tokens.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="A folder with the datasets' files; else the Hugging Face Hub."),
]
EngineName = Annotated[
    EngineChoice | None,
    typer.Option("--engine", help="What generates in evaluations; auto: the faster one there is."),
]
JudgeName = Annotated[
    str | None, typer.Option(help="Who scores the benchmarks that need a judge: MODEL@URL.")
]
JudgeKey = Annotated[
    str | None, typer.Option(help="The variable with its key; else PTB_LITE_JUDGE_KEY.")
]
JudgeTokens = Annotated[
    int | None, typer.Option(help="What judging may use, prompts and answers together.")
]
JudgeSpend = Annotated[
    float | None, typer.Option(help="What judging may cost in dollars, with --judge-prices.")
]
JudgePrices = Annotated[
    str | None, typer.Option(help="INPUT,OUTPUT in dollars per million tokens.")
]
Plain = Annotated[
    bool, typer.Option("--plain", help="Plain lines instead of the app, also on a terminal.")
]
